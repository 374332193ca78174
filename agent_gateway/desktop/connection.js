// The socket to the gateway: a ticket, hello or resume, pongs, and coming back after a loss, or when we are told to.

import { ApiError, backOffMs, socketUrl } from "/assets/api.js";

const REPLACED = 4409;
const BAD_TICKET = 4401;
const OVERLOADED = 4429;
const OPEN_WITHIN_MS = 10000;

/**
 * Holds one conversation with the gateway until `stop`. `onState` is told connecting, open, reconnecting, replaced
 * (a newer desktop of the same agent; `start` takes over) or signed_out (the token is no longer good).
 */
export class Connection {
  #ticket;
  #onFrame;
  #onState;
  #resumeFrom;
  #socket = null;
  #timer = null;
  #watch = null;
  #attempt = 0;
  #round = 0; // Callbacks of an earlier round find that theirs is over.
  #state = "stopped";
  #heardAt = 0;
  #moving = false; // Waiting for that time, with no socket.
  #moveAt = null; // When the gateway that goes away wants us to come to another one.

  constructor({ ticket, onFrame, onState, resumeFrom }) {
    this.#ticket = ticket;
    this.#onFrame = onFrame;
    this.#onState = onState;
    this.#resumeFrom = resumeFrom;
    addEventListener("online", this.#hurry);
    document.addEventListener("visibilitychange", this.#hurry);
  }

  start() {
    this.#attempt = 0;
    this.#connect("connecting");
  }

  stop() {
    this.#drop();
    this.#state = "stopped";
    removeEventListener("online", this.#hurry);
    document.removeEventListener("visibilitychange", this.#hurry);
  }

  /** Send a frame; false if there is no conversation to send it in. Nothing is kept for later: it might be stale then. */
  send(frame) {
    if (this.#state !== "open") return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  async #connect(state) {
    this.#drop();
    this.#become(state);
    const round = this.#round;
    let ticket;
    try {
      ticket = await this.#ticket();
    } catch (error) {
      if (round !== this.#round) return;
      const refused = error instanceof ApiError && (error.status === 401 || error.status === 403);
      if (refused) this.#become("signed_out");
      else this.#later(false);
      return;
    }
    if (round === this.#round) this.#open(ticket, round);
  }

  #open(ticket, round) {
    const socket = new WebSocket(socketUrl(`/v1/agents/ws?ticket=${encodeURIComponent(ticket)}`));
    this.#socket = socket;
    this.#timer = setTimeout(() => socket.close(), OPEN_WITHIN_MS);
    socket.onopen = () => {
      clearTimeout(this.#timer);
      const { session, seq } = this.#resumeFrom();
      socket.send(JSON.stringify(session ? { type: "hello", resume: { session, seq } } : { type: "hello" }));
    };
    socket.onmessage = (message) => round === this.#round && this.#heard(message.data);
    socket.onclose = (event) => round === this.#round && this.#closed(event.code);
  }

  #heard(text) {
    this.#heardAt = Date.now();
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return; // Not a frame; a newer gateway may know why.
    }
    if (frame?.type === "welcome") this.#welcomed(frame);
    if (frame?.type === "reconnect") this.#moveAt = performance.now() + 1000 * frame.after_s;
    else if (frame?.type === "ping") this.#socket.send(JSON.stringify({ type: "pong" }));
    else this.#onFrame(frame);
  }

  #welcomed(frame) {
    this.#attempt = 0;
    this.#become("open");
    // A cut cable closes no socket. The gateway pings a quiet desktop, so long silence means that it is gone.
    const patienceMs = Math.max(2000, 2500 * (frame.ping_s || 20));
    clearInterval(this.#watch);
    this.#watch = setInterval(() => {
      if (Date.now() - this.#heardAt > patienceMs) this.#later(false);
    }, 1000);
  }

  #closed(code) {
    if (code === REPLACED) {
      this.#drop();
      this.#become("replaced");
    } else if (this.#moveAt !== null) this.#move();
    else this.#later(code === OVERLOADED || code === BAD_TICKET);
  }

  #later(slowly) {
    this.#attempt += slowly ? 3 : 1;
    this.#again(backOffMs(this.#attempt));
  }

  // Each desktop was given a time of its own, so that not all come at once; no back-off on top of it.
  #move() {
    const waitMs = Math.max(0, this.#moveAt - performance.now());
    this.#again(waitMs);
    this.#moving = waitMs > 0;
  }

  #again(waitMs) {
    this.#drop();
    this.#become("reconnecting");
    this.#timer = setTimeout(() => this.#connect("reconnecting"), waitMs);
  }

  // The network is back, or the person looks at the page again: do not sit out the back-off.
  #hurry = () => {
    if (this.#state === "reconnecting" && !this.#moving && document.visibilityState === "visible" && this.#socket === null) {
      this.#connect("reconnecting");
    }
  };

  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#onState(state);
  }

  #drop() {
    this.#round += 1;
    this.#moveAt = null;
    this.#moving = false;
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
