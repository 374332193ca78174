// What is known of the caller, as the dialog gathered it. Patient data: shown, never kept.

import { h, icon } from "/assets/dom.js";
import { languageName, words } from "/assets/words.js";

// The caller's own words come first, under whichever of these names they travel.
const FLAGS = "red_flags";
const SHOWN_ABOVE = ["intent", "urgency", "language"]; // in the card's own words already
const SPOKEN = ["said", "utterances", "transcript", "utterance"];
const LABELS = { caller: "Calling from", caller_number: "Calling from", from: "Calling from", phone: "Calling from" };
const PARTS_MAX = 20;

/** The screen pop as nodes; a sentence if there is none. */
export function screenPop(pop) {
  const entries = Object.entries(pop ?? {}).filter(([name, value]) => hasSomething(value) && !SHOWN_ABOVE.includes(name));
  const spoken = entries.filter(([name]) => SPOKEN.includes(name)).flatMap(([, value]) => sentences(value));
  const facts = entries.filter(([name]) => !SPOKEN.includes(name) && name !== FLAGS).slice(0, PARTS_MAX);
  const flags = entries.filter(([name]) => name === FLAGS).flatMap(([, value]) => sentences(value));
  const nodes = [];
  if (flags.length) {
    const marks = flags.map((flag) => h("li", { class: "urgency emergent" }, icon("emergent"), words(flag)));
    nodes.push(h("div", { class: "flags" }, h("p", { class: "eyebrow" }, "Warning signs"), h("ul", {}, marks)));
  }
  if (spoken.length) {
    nodes.push(
      h(
        "figure",
        { class: "said" },
        h("figcaption", { class: "eyebrow" }, icon("quote"), "The caller said"),
        spoken.map((sentence) => h("blockquote", {}, sentence)),
      ),
    );
  }
  if (facts.length) {
    nodes.push(h("dl", { class: "facts" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, LABELS[name] ?? words(name)), h("dd", {}, plain(name, value))))));
  }
  return nodes.length ? nodes : [h("p", { class: "quiet" }, "Nothing was said before the hand-off.")];
}

function hasSomething(value) {
  if (value === null || value === undefined || value === "" || value === false) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

function sentences(value) {
  const list = Array.isArray(value) ? value : [value];
  return list.map((one) => (typeof one === "object" && one ? (one.text ?? one.said ?? plain("", one)) : String(one))).slice(-PARTS_MAX);
}

function plain(name, value) {
  if (name === "language") return languageName(value);
  if (value === true) return "Yes";
  if (Array.isArray(value)) return value.map((one) => plain("", one)).join(", ");
  if (typeof value === "object") {
    return Object.entries(value).map(([key, one]) => `${words(key)}: ${plain(key, one)}`).join("; ");
  }
  // A closed word such as `red_flag` reads better with spaces; anything else is shown as it came.
  return /^[a-z]+(_[a-z]+)+$/.test(value) ? words(value) : String(value);
}
