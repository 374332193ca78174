// How many wait, beside the call: the queues of the wallboard in a few lines. Absent where it may not be read.

import { ApiError, call } from "/assets/api.js";
import { fill, h, urgencyMark } from "/assets/dom.js";
import { clockTime, words } from "/assets/words.js";

const EVERY_MS = 4000;

export class WaitingPanel {
  #place;
  #timer = null;
  #round = 0;

  constructor(place) {
    this.#place = place;
  }

  start(token) {
    this.stop();
    this.#poll(token, this.#round);
  }

  stop() {
    this.#round += 1;
    clearTimeout(this.#timer);
    this.#place.hidden = true;
  }

  async #poll(token, round) {
    try {
      const { queues } = await call("/v1/queues", { token });
      if (round === this.#round) this.#draw(queues ?? []);
    } catch (error) {
      if (error instanceof ApiError && [401, 403, 404].includes(error.status)) return; // Not for this role, or not here.
    }
    if (round === this.#round) this.#timer = setTimeout(() => this.#poll(token, round), EVERY_MS);
  }

  #draw(queues) {
    this.#place.hidden = false;
    fill(
      this.#place,
      h("h2", { class: "eyebrow", id: "waiting-title" }, "Waiting now"),
      h("ul", { class: "queues" }, queues.map(row)),
      h("a", { href: "/wallboard/", class: "small" }, "Open the wallboard"),
    );
  }
}

function row(queue) {
  const waiting = queue.waiting ?? {};
  const count = Object.values(waiting).reduce((sum, one) => sum + one, 0);
  const worst = ["emergent", "urgent"].find((urgency) => waiting[urgency]);
  return h(
    "li",
    {},
    h("span", { class: "queue-name" }, words(queue.name)),
    h("span", {}, worst ? urgencyMark(worst) : null),
    h("span", { class: "quiet number" }, count ? clockTime(queue.longest_wait_s ?? 0) : ""),
    h("strong", { class: "number" }, String(count)),
  );
}
