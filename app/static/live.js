// What htmx leaves to us: when to poll, the page's clock, and the plain word that the portal can't be reached. Without
// this file every page still works as of its load.
(() => {
  "use strict";

  // A page polls soon after a change or an interaction, and less and less while nothing happens.
  const SOON = 3_000;
  const LATE = 15_000;
  const LIVELY = 60_000;
  const GROWTH = 1.5;
  const PATIENCE = 10_000;
  const BEAT = 1_000;
  const SLEPT = 5_000;
  let answered = Date.now();
  let lively = Date.now();
  let beaten = Date.now();
  let pause = SOON;
  let timer = 0;

  const poller = () => document.getElementById("live");

  const lost = (yes) => {
    const words = document.getElementById("lost");
    if (words) words.hidden = !yes;
    document.body.classList.toggle("not-current", yes);
  };

  const poll = () => {
    clearTimeout(timer);
    if (!document.hidden && poller()) htmx.trigger(poller(), "wake");
  };

  const later = () => {
    clearTimeout(timer);
    pause = Date.now() - lively < LIVELY ? SOON : Math.min(pause * GROWTH, LATE);
    timer = setTimeout(poll, pause);
  };

  const touched = () => {
    lively = Date.now();
    if (pause > SOON) later();
  };

  const tooOld = () => Date.now() - answered > pause + PATIENCE;

  const wake = () => {
    if (document.hidden || !poller()) return;
    touched();
    // A page that slept shows old signs until the first answer: say so.
    if (tooOld()) lost(true);
    poll();
  };

  const beat = () => {
    const slept = Date.now() - beaten > SLEPT;
    beaten = Date.now();
    if (document.hidden || !poller()) return;
    if (slept) wake();
    else if (tooOld()) lost(true);
  };

  document.addEventListener("htmx:after:request", (event) => {
    const ctx = event.detail.ctx;
    if (ctx.sourceElement !== poller() || ctx.response.status >= 400) return;
    answered = Date.now();
    if (ctx.response.status !== 204) lively = Date.now();
    lost(false);
    const clock = document.getElementById("as-of");
    const moment = ctx.response.headers.get("X-As-Of");
    if (clock && moment && clock.textContent !== moment) clock.textContent = moment;
  });

  document.addEventListener("htmx:finally:request", (event) => {
    if (event.detail.ctx.sourceElement === poller()) later();
  });

  if (poller()) {
    later();
    setInterval(beat, BEAT);
    for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, touched, { passive: true });
  }
  document.addEventListener("visibilitychange", wake);
  window.addEventListener("pageshow", (event) => { if (event.persisted) wake(); });

  // The panel of details: focus goes into it when it opens, and back to its sign when it closes.
  document.addEventListener("htmx:after:swap", (event) => {
    const source = event.detail.ctx.sourceElement;
    if (!source || source.getAttribute("hx-target") !== "#detail") return;
    const title = document.getElementById("registration-title");
    if (title) title.focus();
  });

  const close = () => {
    const panel = document.querySelector("aside#detail");
    const shown = panel && panel.querySelector("input[name=d]");
    if (!shown) return false;
    const sign = document.getElementById("s" + shown.value.split(".")[0]);
    panel.replaceChildren();
    if (sign) sign.focus();
    return true;
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("aside#detail [data-close]") && close()) event.preventDefault();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
})();
