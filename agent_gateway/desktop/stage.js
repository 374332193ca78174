// The middle of the page: nothing, an offer, or the call. A card is built once and then only ticks, so focus stays.

import { fill } from "/assets/dom.js";
import { callCard } from "./call_card.js";
import { idleCard } from "./idle_card.js";
import { offerCard } from "./offer_card.js";

export class Stage {
  live = false;
  #place;
  #actions;
  #key = null;
  #card = null;

  constructor(place, actions) {
    this.#place = place;
    this.#actions = actions;
  }

  accept(offer) {
    this.#actions.accept(offer);
  }

  reject(offer) {
    this.#actions.reject(offer);
  }

  /** Show a passing remark in the card that is there. */
  say(text) {
    this.#card?.say?.(text);
  }

  draw(desk) {
    const [key, build] = this.#wanted(desk);
    if (key !== this.#key) {
      const hadFocus = this.#place.contains(document.activeElement);
      this.#key = key;
      this.#card = build();
      fill(this.#place, this.#card.node);
      // The button that was pressed is gone; without this, the keyboard would start again at the top of the page.
      if (hadFocus) this.#card.node.querySelector("[data-focus]")?.focus();
    }
    this.#card.update?.(desk, this.live);
    this.tick(desk);
  }

  tick() {
    this.#card?.tick?.();
  }

  #wanted(desk) {
    const { offer, call } = desk;
    if (offer) return [`offer ${offer.reservation_id} ${offer.urgency} ${offer.queue}`, () => offerCard(offer, this.#actions)];
    if (call) return [`call ${call.reservation_id} ${call.state}`, () => callCard(call, this.#actions)];
    const status = desk.status;
    return [`idle ${status?.status} ${status?.state === "unreachable"}`, () => idleCard(desk, this.#actions)];
  }
}
