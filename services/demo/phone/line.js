// The line to the simulated carrier: one websocket is one call.

const ANSWER_WITHIN_MS = 10000; // The carrier may still be starting when the page is there already.
const AGAIN_MS = 400;

export class Line {
  #url;
  #onFrame;
  #onLost;
  #socket = null;
  #timer = null;
  #until = Date.now() + ANSWER_WITHIN_MS;
  #open = false;
  #over = false;
  #unsent = [];

  constructor(carrierUrl, number, { onFrame, onLost }) {
    const base = carrierUrl.replace(/^http/, "ws").replace(/\/+$/, "");
    this.#url = `${base}/phone?number=${encodeURIComponent(number)}`;
    this.#onFrame = onFrame;
    this.#onLost = onLost;
    this.#dial();
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
    clearTimeout(this.#timer);
    this.#socket.close();
  }

  #dial() {
    this.#socket = new WebSocket(this.#url);
    this.#socket.onopen = () => {
      this.#open = true;
      for (const text of this.#unsent.splice(0)) this.#socket.send(text);
    };
    this.#socket.onmessage = (message) => this.#heard(message.data);
    this.#socket.onclose = () => this.#closed();
  }

  #heard(text) {
    if (this.#over) return;
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return; // Not a frame: nothing to hear.
    }
    this.#onFrame(frame);
  }

  // A call that was never taken is tried again; one that was lost is over, since its caller would start anew.
  #closed() {
    if (this.#over) return;
    if (!this.#open && Date.now() < this.#until) this.#timer = setTimeout(() => this.#dial(), AGAIN_MS);
    else this.#onLost();
  }
}
