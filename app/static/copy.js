// Copy buttons: hidden until it is known that the browser can copy. Without this file people select and copy by hand.
(() => {
  "use strict";

  if (!navigator.clipboard) return;
  const SHOWN = 2_000;

  for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button || button.dataset.word) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      button.hidden = true;
      return;
    }
    button.dataset.word = button.textContent;
    button.textContent = button.dataset.done;
    const announce = document.getElementById("announce");
    if (announce) announce.textContent = button.dataset.done;
    setTimeout(() => {
      button.textContent = button.dataset.word;
      delete button.dataset.word;
    }, SHOWN);
  });
})();
