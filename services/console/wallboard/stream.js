// The figures as server-sent events. A ticket opens one stream once, so EventSource's own retry would be refused:
// each new attempt fetches a new ticket.

import { ApiError, backOffMs } from "/assets/api.js";

const SILENT_MS = 8000; // A figure comes each second; after this the stream is dead even if the socket is not.

export class Stream {
  #ticket;
  #onFigures;
  #onRefused;
  #source = null;
  #timer = null;
  #attempt = 0;
  #round = 0;

  constructor({ ticket, onFigures, onRefused }) {
    this.#ticket = ticket;
    this.#onFigures = onFigures;
    this.#onRefused = onRefused;
  }

  async start() {
    this.stop();
    const round = this.#round;
    try {
      const ticket = await this.#ticket();
      if (round === this.#round) this.#open(ticket);
    } catch (error) {
      if (round !== this.#round) return;
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) this.#onRefused();
      else this.#later();
    }
  }

  stop() {
    this.#round += 1;
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #open(ticket) {
    this.#source = new EventSource(`/v1/wallboard/stream?ticket=${encodeURIComponent(ticket)}`);
    this.#source.onmessage = (message) => this.#heard(message.data);
    this.#source.onerror = () => this.#later();
    this.#expect();
  }

  #heard(text) {
    let figures;
    try {
      figures = JSON.parse(text);
    } catch {
      return; // Half a line from a server that is going away; the next one will do.
    }
    this.#attempt = 0;
    this.#expect();
    this.#onFigures(figures);
  }

  #expect() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#later(), SILENT_MS);
  }

  #later() {
    this.stop();
    this.#attempt += 1;
    this.#timer = setTimeout(() => this.start(), backOffMs(this.#attempt, { most: 8000 }));
  }
}
