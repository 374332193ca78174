// The call in hand: connecting, connected, and the work after it.

import { serverNow } from "/assets/api.js";
import { h, icon, urgencyMark } from "/assets/dom.js";
import { clockTime, intentWords, languageName, words } from "/assets/words.js";
import { remark } from "./remark.js";
import { screenPop } from "./screen_pop.js";

const TITLES = { connecting: "Connecting you", connected: "On the call", wrapping: "Wrap-up" };
const DISPOSITIONS = [
  ["resolved", "Resolved", "Nothing more to do"],
  ["follow_up", "Follow up", "Someone calls back"],
  ["escalated", "Escalated", "Handed to a clinician"],
  ["wrong_number", "Wrong number", "Not for us"],
];

export function callCard(call, actions) {
  const note = remark();
  const timer = h("p", { class: "timer number", role: "timer", "aria-live": "off" });
  const body = call.state === "wrapping" ? wrapUp(call, actions) : talking(call, actions);
  const node = h(
    "article",
    { class: `call card ${call.state}`, "aria-labelledby": "call-title", "data-contact": call.contact_id, "data-state": call.state },
    h(
      "header",
      { class: "call-head" },
      h(
        "div",
        { class: "offer-words" },
        h("p", { class: "offer-tags" }, h("span", { class: "live-dot", "aria-hidden": "true" }), h("span", { class: "eyebrow" }, TITLES[call.state])),
        h("h1", { id: "call-title", tabindex: "-1", "data-focus": true }, call.intent ? intentWords(call.intent) : "Your call"),
        h("p", { class: "call-tags" }, urgencyMark(call.urgency), ...[words(call.queue), call.language && languageName(call.language)].filter(Boolean).map((text) => h("span", { class: "tag" }, text))),
      ),
      h("div", { class: "timer-box" }, timer, h("span", { class: "quiet small" }, timerWords(call))),
    ),
    body.node,
    note.node,
  );
  return {
    node,
    say: note.say,
    update: (desk, live) => {
      for (const control of node.querySelectorAll("button")) control.disabled = !live;
      note.say(desk.notice ?? "");
    },
    tick: () => (timer.textContent = shown(call)),
  };
}

function talking(call, actions) {
  const explain = call.state === "connecting" ? "Your phone rings first; when you pick up, the caller is brought in." : null;
  const hangUp = h("button", { class: "button danger hang-up", type: "button", on: { click: () => actions.hangUp(call) } }, icon("hangup"), "Hang up");
  const node = h(
    "div",
    { class: "call-body" },
    explain && h("p", { class: "quiet" }, explain),
    h("div", { class: "pop" }, ...screenPop(call.screen_pop)),
    h("footer", { class: "answers" }, hangUp),
  );
  return { node };
}

function wrapUp(call, actions) {
  const choice = ([value, name, hint], index) =>
    h(
      "label",
      { class: "disposition" },
      h("input", { type: "radio", name: "disposition", value, checked: index === 0 }),
      h("span", {}, h("strong", {}, name), h("span", { class: "quiet small" }, hint)),
    );
  const submit = (event) => {
    event.preventDefault();
    actions.finish(call, new FormData(event.target).get("disposition") ?? "resolved");
  };
  const node = h(
    "form",
    { class: "call-body wrap-up", on: { submit } },
    h("fieldset", {}, h("legend", { class: "label" }, "How did the call end?"), h("div", { class: "dispositions" }, DISPOSITIONS.map(choice))),
    h("footer", { class: "answers" }, h("button", { class: "button primary", type: "submit" }, icon("check"), "Finish")),
  );
  return { node };
}

function timerWords(call) {
  if (call.state === "connected") return "talking";
  return call.deadline ? "left" : "so far";
}

function shown(call) {
  const until = call.state !== "connected" && call.deadline ? Date.parse(call.deadline) : null;
  const since = Date.parse(call.since ?? "");
  if (until) return clockTime(Math.ceil((until - serverNow()) / 1000));
  return Number.isFinite(since) ? clockTime((serverNow() - since) / 1000) : "0:00";
}
