// Answering without the mouse: Enter or A accepts, R rejects, while an offer is there.

const SINGLE_KEYS = "frontdoor.desktop.keys";
const OWN_ENTER = "a, button, input, select, textarea, summary";
const TYPING = "input, select, textarea, [contenteditable]";

/** Whether letters answer offers. Speech input and tremor can press letters unmeant, so it can be switched off. */
export function singleKeys() {
  return localStorage.getItem(SINGLE_KEYS) !== "off";
}

export function setSingleKeys(on) {
  localStorage.setItem(SINGLE_KEYS, on ? "on" : "off");
}

export function listen(desk, stage) {
  document.addEventListener("keydown", (event) => {
    const { offer } = desk();
    if (!offer || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target instanceof Element ? event.target : document.body;
    const letter = singleKeys() && !at.matches(TYPING) ? event.key.toLowerCase() : "";
    if (letter === "a" || (event.key === "Enter" && !at.closest(OWN_ENTER))) {
      event.preventDefault();
      stage.accept(offer);
    } else if (letter === "r") {
      event.preventDefault();
      stage.reject(offer);
    }
  });
}
