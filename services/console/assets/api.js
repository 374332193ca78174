// Talking to our own server, and knowing its time.

/** The server refused or did not answer. `status` is 0 if there was no answer. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

// Deadlines are in the server's time. A workstation whose clock is wrong would show an offer as over, or as endless.
let serverAheadMs = 0;
const CLOCK_DOUBT_MS = 2000; // The Date header has whole seconds, so smaller differences mean nothing.

/** Now, in milliseconds, by the server's clock as far as it is known. */
export function serverNow() {
  return Date.now() + serverAheadMs;
}

/** Learn the server's clock from a time that it just gave. */
export function learnTime(milliseconds) {
  const ahead = milliseconds - Date.now();
  if (Number.isFinite(ahead)) serverAheadMs = Math.abs(ahead) > CLOCK_DOUBT_MS ? ahead : 0;
}

/** Call the API and return its JSON. Raises ApiError. */
export async function call(path, { method = "GET", token = null, body = null } = {}) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new ApiError(0, "The server cannot be reached.");
  }
  learnTime(Date.parse(answer.headers.get("Date") ?? ""));
  if (!answer.ok) throw new ApiError(answer.status, `The server answered ${answer.status}.`);
  return answer.json();
}

/** What the demo offers, or null where this is no demo. Raises ApiError if the server cannot be reached. */
export async function demoInfo() {
  try {
    return await call("/v1/demo/info");
  } catch (error) {
    if (error instanceof ApiError && error.status >= 400 && error.status < 500) return null;
    throw error;
  }
}

/** The wait before the n-th attempt to reconnect, n from 1: doubling, jittered so that desktops do not come in step. */
export function backOffMs(attempt, { first = 400, most = 15000 } = {}) {
  const full = Math.min(most, first * 2 ** (attempt - 1));
  return full / 2 + (Math.random() * full) / 2;
}

/** A socket's address on our own server. */
export function socketUrl(path) {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
}
