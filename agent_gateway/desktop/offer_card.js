// A call is offered: how urgent, what about, how long there is to decide, and the two answers.

import { serverNow } from "/assets/api.js";
import { announce, h, icon, ring, urgencyMark } from "/assets/dom.js";
import { clockTime, intentWords, languageName, spokenTime, words } from "/assets/words.js";
import { remark } from "./remark.js";
import { screenPop } from "./screen_pop.js";

const SPOKEN_AT_S = 5; // The countdown is for the eye; the ear is told once, near the end.

export function offerCard(offer, actions) {
  const shownAt = serverNow();
  const deadline = Date.parse(offer.deadline);
  const wholeMs = Math.max(1000, deadline - shownAt);
  const { node: circle, set } = ring();
  const waited = h("dd", { class: "number" });
  const note = remark();
  const accept = button("primary accept", "check", "Accept", "A", () => actions.accept(offer));
  const reject = button("reject", "cross", "Reject", "R", () => actions.reject(offer));
  let spoken = false;

  const node = h(
    "article",
    { class: `offer card ${offer.urgency}`, "aria-labelledby": "offer-title", "data-reservation": offer.reservation_id },
    h(
      "header",
      { class: "offer-head" },
      h(
        "div",
        { class: "offer-words" },
        h("p", { class: "offer-tags" }, urgencyMark(offer.urgency), h("span", { class: "eyebrow" }, "Call offered")),
        h("h1", { id: "offer-title", tabindex: "-1", "data-focus": true }, intentWords(offer.intent)),
        h("p", { class: "why" }, h("span", { class: "label" }, "Why you: "), offer.why || "You are the next free agent with the right skills."),
      ),
      circle,
    ),
    h(
      "dl",
      { class: "meta" },
      h("div", {}, h("dt", {}, "Queue"), h("dd", {}, words(offer.queue))),
      h("div", {}, h("dt", {}, "Has waited"), waited),
      h("div", {}, h("dt", {}, "Language"), h("dd", {}, languageName(offer.language))),
    ),
    h("div", { class: "pop" }, ...screenPop(offer.screen_pop)),
    h("footer", { class: "answers" }, accept, reject, note.node),
  );

  return {
    node,
    say: note.say,
    update: (desk, live) => {
      const answering = desk.answering === offer.reservation_id;
      accept.disabled = reject.disabled = answering || !live;
      note.say(answering ? "Sending your answer …" : desk.notice ?? "");
    },
    tick: () => {
      const leftMs = deadline - serverNow();
      set(leftMs / wholeMs, String(Math.max(0, Math.ceil(leftMs / 1000))));
      circle.classList.toggle("ending", leftMs < SPOKEN_AT_S * 1000);
      waited.textContent = clockTime((serverNow() - Date.parse(offer.queued_at)) / 1000);
      if (!spoken && leftMs > 0 && leftMs <= SPOKEN_AT_S * 1000) {
        spoken = true;
        announce(`${spokenTime(SPOKEN_AT_S)} left to answer.`);
      }
    },
  };
}

function button(kind, sign, word, key, click) {
  return h("button", { class: `button ${kind}`, type: "button", "aria-keyshortcuts": key, on: { click } }, icon(sign), word, h("kbd", { "aria-hidden": "true" }, key));
}
