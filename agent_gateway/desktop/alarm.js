// Making an offer noticed by someone who looks elsewhere: a soft double tone, and the tab's title.

import { intentWords } from "/assets/words.js";

const TITLE = document.title;
const EVERY_MS = 2500;
const SOUND = "frontdoor.desktop.sound";
// Low and unhurried for routine, higher and quicker as urgency grows: [hertz, hertz].
const TONES = { emergent: [880, 1174], urgent: [660, 880], routine: [523, 659] };

export class Alarm {
  #context = null;
  #ringing = null;
  #timer = null;
  #sound = localStorage.getItem(SOUND) !== "off";

  get sound() {
    return this.#sound;
  }

  set sound(on) {
    this.#sound = on;
    localStorage.setItem(SOUND, on ? "on" : "off");
    if (on) this.allow();
  }

  /** Browsers play nothing before the person has touched the page; call this when they have. */
  allow() {
    this.#context ??= "AudioContext" in window ? new AudioContext() : null;
    this.#context?.resume();
  }

  /** Ring for an offer, or stop with null. The same offer again changes nothing. */
  ring(offer) {
    if (offer?.reservation_id === this.#ringing?.reservation_id) return;
    this.#ringing = offer;
    clearInterval(this.#timer);
    document.title = offer ? `● Call waiting: ${intentWords(offer.intent)}` : TITLE;
    if (!offer) return;
    this.#beep(offer.urgency);
    this.#timer = setInterval(() => this.#beep(offer.urgency), EVERY_MS);
  }

  #beep(urgency) {
    if (!this.#sound || this.#context?.state !== "running") return;
    (TONES[urgency] ?? TONES.routine).forEach((hertz, index) => {
      const start = this.#context.currentTime + index * 0.17;
      const [tone, volume] = [this.#context.createOscillator(), this.#context.createGain()];
      tone.frequency.value = hertz;
      volume.gain.setValueAtTime(0.0001, start);
      volume.gain.exponentialRampToValueAtTime(0.14, start + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.32);
      tone.connect(volume).connect(this.#context.destination);
      tone.start(start);
      tone.stop(start + 0.34);
    });
  }
}
