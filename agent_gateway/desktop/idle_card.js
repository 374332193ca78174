// No call: whether one can come, and what was done since signing in.

import { h } from "/assets/dom.js";
import { clockTime } from "/assets/words.js";

const WORDS = {
  available: ["Ready for the next caller", "Calls that fit your skills appear here, with a tone if sound is on."],
  break: ["Enjoy your break", "No calls come until you are available again."],
  training: ["In training", "No calls come until you are available again."],
  offline: ["You are offline", "Choose Available when you are ready to take calls."],
};
const NOT_YET = ["Connecting your desk", "This takes a moment."];

export function idleCard(desk, actions) {
  const status = desk.status;
  const [title, text] = status ? (WORDS[status.status] ?? NOT_YET) : NOT_YET;
  const ready = status?.status === "available";
  const notice = h("p", { class: "notice", hidden: true });
  const answered = h("dd", { class: "number" });
  const talk = h("dd", { class: "number" });
  const go = h("button", { class: "button primary big", type: "button", on: { click: actions.goAvailable } }, "Go available");
  const node = h(
    "article",
    { class: `idle card ${ready ? "ready" : ""}`, "aria-labelledby": "idle-title" },
    notice,
    h("div", { class: "breath", "aria-hidden": "true" }, h("span", {}), h("span", {}), h("span", {})),
    h("h1", { id: "idle-title", tabindex: "-1", "data-focus": true }, title),
    h("p", { class: "quiet" }, text),
    status && !ready ? go : null,
    h(
      "dl",
      { class: "tally" },
      h("div", {}, h("dt", {}, "Answered since sign-in"), answered),
      h("div", {}, h("dt", {}, "Average talk time"), talk),
    ),
  );
  return {
    node,
    say: (words) => show(notice, words),
    update: (now, live) => {
      show(notice, now.notice);
      go.disabled = !live;
      const { answered: count, talkedMs } = now.tally;
      answered.textContent = String(count);
      talk.textContent = count ? clockTime(talkedMs / count / 1000) : "–";
    },
  };
}

function show(notice, words) {
  notice.hidden = !words;
  notice.textContent = words ?? "";
}
