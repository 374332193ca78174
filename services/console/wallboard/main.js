// The wallboard: one stream, drawn once a second. What is shown is never older than it says.

import { announce, fill, h } from "/assets/dom.js";
import { ApiError, call, demoInfo, learnTime, serverNow } from "/assets/api.js";
import { clockTime } from "/assets/words.js";
import { drawAgents } from "./agents.js";
import { drawKpis } from "./kpis.js";
import { drawQueues } from "./queues.js";
import { Stream } from "./stream.js";

const TOKEN = "frontdoor.wallboard.token";
const STALE_MS = 4000; // Three figures missed and a little.
const byId = (id) => document.getElementById(id);

let stream = null;
let heardAt = null;
let waitingSince = null; // for the first figures
let stale = false;
let emergentBefore = 0;

function heard(figures) {
  heardAt = Date.now();
  learnTime(Date.parse(figures.at));
  byId("board").hidden = byId("fresh").hidden = false;
  const queues = figures.queues ?? [];
  drawKpis(byId("kpis"), queues, figures.kpis ?? {});
  drawQueues(byId("queues"), queues);
  drawAgents(byId("states"), byId("agents"), figures.agents ?? []);
  tellOfEmergencies(queues);
  freshness();
}

// Only what calls for action is spoken; figures that change every second would drown it.
function tellOfEmergencies(queues) {
  const waiting = queues.reduce((sum, queue) => sum + (queue.waiting?.emergent ?? 0), 0);
  if (waiting > emergentBefore) announce(`${waiting} emergent ${waiting === 1 ? "caller is" : "callers are"} waiting.`, { atOnce: true });
  emergentBefore = waiting;
}

function freshness() {
  if (stream === null) return;
  const age = Date.now() - (heardAt ?? waitingSince);
  const isStale = age > STALE_MS;
  document.body.classList.toggle("stale", isStale);
  byId("fresh-text").textContent = isStale ? `Stopped ${clockTime(age / 1000)} ago` : "Live";
  if (isStale === stale) return;
  stale = isStale;
  const text = heardAt === null ? "No figures have come yet. Trying to connect." : "The figures have stopped: what you see is old. Trying to reconnect.";
  banner(stale ? text : null);
}

function banner(text, ...more) {
  byId("banner").className = text ? "banner alarm" : "";
  fill(byId("banner"), text && h("span", {}, text), ...more);
}

async function ticketFor(token) {
  return (await call("/v1/wallboard/ticket", { method: "POST", token })).ticket;
}

function start(token) {
  byId("sign-in").hidden = true;
  stream?.stop();
  waitingSince = Date.now();
  stream = new Stream({ ticket: () => ticketFor(token), onFigures: heard, onRefused: signIn });
  stream.start();
}

async function signIn() {
  stream?.stop();
  stream = null;
  sessionStorage.removeItem(TOKEN);
  try {
    const token = (await demoInfo()) ? (await call("/v1/demo/sign-in", { method: "POST", body: { role: "supervisor" } })).token : null;
    if (token) start(keep(token));
    else askForToken();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    banner(error.message, h("button", { class: "button", type: "button", on: { click: () => { banner(null); signIn(); } } }, "Try again"));
  }
}

function keep(token) {
  sessionStorage.setItem(TOKEN, token);
  return token;
}

function askForToken() {
  const input = h("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true });
  const submit = (event) => {
    event.preventDefault();
    if (input.value.trim()) start(keep(input.value.trim()));
  };
  byId("board").hidden = true;
  byId("sign-in").hidden = false;
  fill(
    byId("sign-in"),
    h(
      "form",
      { class: "sign-in card", on: { submit } },
      h("h2", {}, "Sign in to the wallboard"),
      h("div", { class: "field" }, h("label", { for: "token" }, "Supervisor's token"), input),
      h("p", { class: "quiet" }, "For development: ", h("code", {}, "frontdoor token --role supervisor --subject ID")),
      h("button", { class: "button primary", type: "submit" }, "Show the figures"),
    ),
  );
}

function tick() {
  const now = new Date(serverNow());
  byId("clock").dateTime = now.toISOString();
  byId("clock").textContent = now.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  freshness();
}

setInterval(tick, 500);
tick();
const kept = sessionStorage.getItem(TOKEN);
if (kept) start(kept);
else signIn();
