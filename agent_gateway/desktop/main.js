// The agent desktop: signs in, keeps the conversation with the gateway, and shows what it says.
// A frame is folded into the desk (desk.js), the desk is drawn (the *_card.js modules); a click is a frame to the server.

import { announce, fill, h } from "/assets/dom.js";
import { call } from "/assets/api.js";
import { Alarm } from "./alarm.js";
import { Connection } from "./connection.js";
import { emptyDesk, fold } from "./desk.js";
import { listen } from "./keys.js";
import { news } from "./news.js";
import { signIn } from "./sign_in.js";
import { Stage } from "./stage.js";
import { StatusControl } from "./status_control.js";
import { WaitingPanel } from "./waiting.js";

const TOKEN = "frontdoor.desktop.token"; // In sessionStorage: two tabs can be two people, and closing one signs out.
const byId = (id) => document.getElementById(id);

let desk = emptyDesk();
let connection = null;
let declared = null; // A status chosen before the socket was open: what the person last said of themselves, not an old act.

const alarm = new Alarm();
const waiting = new WaitingPanel(byId("waiting"));
const status = new StatusControl(byId("status"), alarm, (wanted, reason) => {
  const frame = { type: "status.set", status: wanted, ...(reason ? { reason } : {}) };
  if (!connection?.send(frame)) declared = frame;
});
const stage = new Stage(byId("stage"), {
  accept: (offer) => answer("offer.accept", offer),
  reject: (offer) => answer("offer.reject", offer),
  hangUp: (current) => send({ type: "call.hang_up", contact_id: current.contact_id }),
  finish: (current, disposition) => send({ type: "wrap_up.done", item_id: current.item_id, disposition }),
  goAvailable: () => send({ type: "status.set", status: "available" }),
});

function send(frame) {
  const sent = connection?.send(frame) ?? false;
  if (!sent) stage.say("You are not connected at the moment; that was not sent.");
  return sent;
}

function answer(type, offer) {
  if (desk.answering === offer.reservation_id) return;
  if (!send({ type, reservation_id: offer.reservation_id })) return;
  desk = { ...desk, answering: offer.reservation_id };
  draw();
}

function heard(frame) {
  const before = desk;
  desk = fold(desk, frame);
  if (desk === before) return;
  for (const [text, atOnce] of news(before, desk)) announce(text, { atOnce });
  draw();
}

function draw() {
  stage.draw(desk);
  status.draw(desk);
  alarm.ring(desk.offer && desk.answering !== desk.offer.reservation_id ? desk.offer : null);
  byId("who").hidden = !desk.name;
  byId("who").textContent = desk.name;
}

function connectionChanged(state) {
  const take = h("button", { class: "button", type: "button", on: { click: () => connection.start() } }, "Take over here");
  const banners = {
    open: [null],
    connecting: [null],
    reconnecting: ["", "The connection was lost. Reconnecting; callers keep their places."],
    replaced: ["alarm", "You are signed in somewhere else, and calls go there now.", take],
  };
  const [tone, ...content] = banners[state] ?? [null];
  byId("banner").className = tone === null ? "" : `banner ${tone}`;
  fill(byId("banner"), ...(tone === null ? [] : content.map((part) => (typeof part === "string" ? h("span", {}, part) : part))));
  stage.live = state === "open";
  if (state === "open" && declared && connection?.send(declared)) declared = null;
  if (state === "signed_out") leave("Please sign in again: the last sign-in is no longer valid.");
  else draw();
}

function enter(token) {
  sessionStorage.setItem(TOKEN, token);
  desk = emptyDesk();
  byId("sign-in").hidden = true;
  byId("work").hidden = byId("sign-out").hidden = false;
  const ticket = async () => (await call("/v1/agents/ticket", { method: "POST", token })).ticket;
  connection = new Connection({ ticket, onFrame: heard, onState: connectionChanged, resumeFrom: () => desk });
  connection.start();
  waiting.start(token);
  draw();
  byId("main").focus();
}

function leave(message = null) {
  sessionStorage.removeItem(TOKEN);
  connection?.stop();
  connection = null;
  declared = null;
  waiting.stop();
  desk = emptyDesk();
  draw();
  fill(byId("banner"));
  byId("banner").className = "";
  byId("work").hidden = byId("sign-out").hidden = true;
  byId("sign-in").hidden = false;
  signIn(byId("sign-in"), enter, message);
}

byId("sign-out").addEventListener("click", () => leave());
addEventListener("pointerdown", () => alarm.allow(), { once: true });
addEventListener("keydown", () => alarm.allow(), { once: true });
listen(() => desk, stage, status);
setInterval(() => {
  stage.tick(desk);
  status.tick();
}, 200);

const kept = sessionStorage.getItem(TOKEN);
if (kept) enter(kept);
else leave();
