// The line to the simulated carrier: one websocket is one call.

const ANSWER_WITHIN_MS = 10000;

export class Line {
  #socket;
  #open = false;
  #over = false;
  #unsent = [];

  constructor(carrierUrl, number, { onFrame, onLost }) {
    const base = carrierUrl.replace(/^http/, "ws").replace(/\/+$/, "");
    this.#socket = new WebSocket(`${base}/phone?number=${encodeURIComponent(number)}`);
    const patience = setTimeout(() => this.#socket.close(), ANSWER_WITHIN_MS);
    this.#socket.onopen = () => {
      clearTimeout(patience);
      this.#open = true;
      for (const text of this.#unsent.splice(0)) this.#socket.send(text);
    };
    this.#socket.onmessage = (message) => {
      if (this.#over) return;
      let frame;
      try {
        frame = JSON.parse(message.data);
      } catch {
        return; // Not a frame: nothing to hear.
      }
      onFrame(frame);
    };
    this.#socket.onclose = () => {
      clearTimeout(patience);
      if (!this.#over) onLost();
    };
  }

  /** Send a frame, once the line is open; false if the call is over. */
  send(frame) {
    if (this.#over) return false;
    if (this.#open) this.#socket.send(JSON.stringify(frame));
    else this.#unsent.push(JSON.stringify(frame));
    return true;
  }

  close() {
    this.#over = true;
    this.#socket.close();
  }
}
