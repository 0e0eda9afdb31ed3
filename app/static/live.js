// What htmx leaves to us: no poll from a hidden tab, one at once when it is seen again, the page's clock, and the
// plain word that the portal can't be reached. Without this file every page still works as of its load.
(() => {
  "use strict";

  const PATIENCE = 10_000;
  let answered = Date.now();

  const poller = () => document.getElementById("live");

  const lost = (yes) => {
    const words = document.getElementById("lost");
    if (words) words.hidden = !yes;
    document.body.classList.toggle("not-current", yes);
  };

  const wake = () => {
    if (document.hidden || !poller()) return;
    // A tab that slept shows old signs until the first answer: say so.
    if (Date.now() - answered > PATIENCE) lost(true);
    htmx.trigger(poller(), "wake");
  };

  document.addEventListener("htmx:config:request", (event) => {
    const ctx = event.detail.ctx;
    if (document.hidden && ctx.sourceEvent && ctx.sourceEvent.type === "every") event.preventDefault();
  });

  document.addEventListener("htmx:after:request", (event) => {
    const ctx = event.detail.ctx;
    if (ctx.sourceElement !== poller() || ctx.response.status >= 400) return;
    answered = Date.now();
    lost(false);
    const clock = document.getElementById("as-of");
    const moment = ctx.response.headers.get("X-As-Of");
    if (clock && moment && clock.textContent !== moment) clock.textContent = moment;
  });

  document.addEventListener("htmx:finally:request", (event) => {
    if (event.detail.ctx.sourceElement === poller() && Date.now() - answered > PATIENCE) lost(true);
  });

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
