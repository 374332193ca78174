// What the agent declares. The server holds the truth: a click asks, and the next frame shows what came of it.

import { fill, h } from "/assets/dom.js";
import { words } from "/assets/words.js";
import { setSingleKeys, singleKeys } from "./keys.js";

const STATUSES = ["available", "break", "training", "offline"];
const REASONS = ["Lunch", "Short break", "Meeting"];
const STATES = {
  idle: "Ready",
  reserved: "A call is offered to you",
  connecting: "Connecting",
  busy: "On a call",
  wrapping: "In wrap-up",
  unreachable: "Not connected yet",
};
const ASKED_FOR_MS = 4000; // After that an unanswered wish is no longer shown as being on its way.

export class StatusControl {
  #buttons;
  #line;
  #reason;
  #asked = null;
  #askedAt = 0;
  #desk = null;

  constructor(place, alarm, ask) {
    const wish = (status, reason) => {
      [this.#asked, this.#askedAt] = [status, Date.now()];
      ask(status, reason);
      this.draw(this.#desk);
    };
    this.#buttons = STATUSES.map((status) =>
      h("button", { class: `segment ${status}`, type: "button", "data-status": status, "aria-pressed": "false", on: { click: () => wish(status) } }, words(status)),
    );
    this.#line = h("p", { class: "status-line" });
    const select = h(
      "select",
      { id: "break-reason", on: { change: (event) => wish("break", event.target.value) } },
      h("option", { value: "" }, "No reason given"),
      REASONS.map((reason) => h("option", { value: reason }, reason)),
    );
    this.#reason = h("div", { class: "field reason", hidden: true }, h("label", { for: "break-reason" }, "Reason"), select);
    fill(
      place,
      h("h2", { class: "eyebrow", id: "status-title" }, "Your status"),
      h("div", { class: "segments", role: "group", "aria-labelledby": "status-title" }, this.#buttons),
      this.#line,
      this.#reason,
      h(
        "div",
        { class: "switches" },
        toggle("Sound", alarm.sound, (on) => (alarm.sound = on)),
        toggle("Keys A and R", singleKeys(), setSingleKeys),
      ),
    );
  }

  draw(desk) {
    this.#desk = desk;
    const held = desk?.status;
    if (held && (held.status === this.#asked || held.next_status === this.#asked)) this.#asked = null;
    for (const button of this.#buttons) {
      const status = button.dataset.status;
      const next = held?.next_status && held.next_status !== held.status && held.next_status === status;
      button.setAttribute("aria-pressed", String(held?.status === status));
      button.classList.toggle("next", Boolean(next));
      button.classList.toggle("asked", this.#asked === status);
    }
    this.#reason.hidden = held?.status !== "break";
    if (held?.status !== "break") this.#reason.querySelector("select").value = "";
    this.#line.textContent = this.#sentence(held);
  }

  tick() {
    if (this.#asked && Date.now() - this.#askedAt > ASKED_FOR_MS) {
      this.#asked = null;
      this.draw(this.#desk);
    }
  }

  #sentence(held) {
    if (!held) return "Waiting for the server …";
    const parts = [];
    if (held.status === "available" || held.state !== "idle") parts.push(STATES[held.state] ?? words(held.state));
    else parts.push(`No calls while on ${held.status === "offline" ? "this status" : held.status}`);
    if (held.next_status && held.next_status !== held.status) parts.push(`next: ${words(held.next_status)}`);
    if (held.status === "break" && held.status_reason) parts.push(held.status_reason);
    return parts.join(" · ");
  }
}

function toggle(label, on, change) {
  const input = h("input", { type: "checkbox", role: "switch", checked: on, on: { change: (event) => change(event.target.checked) } });
  return h("label", { class: "switch" }, input, h("span", { class: "slot", "aria-hidden": "true" }), label);
}
