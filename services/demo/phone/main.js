// The practice phone: a caller in the browser, through the simulated carrier.

import { announce, fill, h, icon } from "/assets/dom.js";
import { demoInfo } from "/assets/api.js";
import { clockTime } from "/assets/words.js";
import { Captions } from "./captions.js";
import { Line } from "./line.js";
import { dictation, Voice } from "./speech.js";

const SUGGESTIONS = ["My chest hurts", "I need a refill", "What are your opening hours?"];
const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
const STATES = {
  idle: "Ready to call",
  dialing: "Calling …",
  ringing: "Ringing …",
  in_dialog: "On the line",
  listening: "Listening to you",
  holding: "On hold, with music",
  connected: "Connected with a person",
  ended: "Call ended",
};
const ENDED = {
  completed: "The call is over.",
  hung_up: "You hung up.",
  caller_hung_up: "You hung up.",
  agent_hung_up: "The other side hung up.",
  busy: "The line is busy.",
  failed: "The call failed.",
  rejected: "The call was refused.",
};
const byId = (id) => document.getElementById(id);

const voice = new Voice();
const captions = new Captions(byId("captions"), byId("captions-box"), byId("hint"));
let info = null;
let line = null;
let began = null;

function show(state) {
  const live = !["idle", "ended"].includes(state);
  document.body.dataset.call = state;
  byId("state").textContent = STATES[state];
  byId("talk").hidden = byId("hang-up").hidden = byId("keys").hidden = byId("timer").hidden = !live;
  byId("call").hidden = live;
  byId("number-field").hidden = live || (info?.numbers?.length ?? 0) < 2;
}

const HEARD = {
  ringing: () => show("ringing"),
  say: (frame) => {
    if (byId("state").textContent !== STATES.connected) show("in_dialog");
    captions.heard(frame.text, frame.language);
    voice.say(frame.text, frame.language);
  },
  music: () => {
    show("holding");
    captions.music();
  },
  listening: () => show("listening"),
  connected: () => {
    show("connected");
    captions.note("A person has answered.");
  },
  ended: (frame) => ended(ENDED[frame.reason] ?? "The call is over."),
};

function ended(text) {
  if (line === null) return;
  line.close();
  line = began = null;
  voice.stop();
  const hadFocus = byId("talk").contains(document.activeElement) || document.activeElement === byId("hang-up");
  captions.note(text);
  show("ended");
  if (hadFocus) byId("call").focus();
}

function dial() {
  captions.clear();
  began = Date.now();
  show("dialing");
  line = new Line(info.carrier_url, byId("number").value || info.numbers[0], {
    onFrame: (frame) => HEARD[frame.type]?.(frame),
    onLost: () => ended("The line was lost: the simulated carrier does not answer."),
  });
  byId("words").focus();
}

function say(text) {
  const spoken = text.trim();
  if (!spoken || !line?.send({ type: "speak", text: spoken })) return;
  voice.stop(); // One does not talk over the other; the carrier stops too.
  captions.spoke(spoken);
  byId("words").value = "";
  byId("words").focus();
}

function press(digit) {
  if (line?.send({ type: "press", digit })) captions.pressed(digit);
}

function hangUp() {
  line?.send({ type: "hang_up" });
  ended("You hung up.");
}

function toggleKeypad() {
  const open = byId("keypad").hidden;
  byId("keypad").hidden = !open;
  byId("keys").setAttribute("aria-expanded", String(open));
}

function furnish() {
  fill(byId("call"), icon("phone"), "Call");
  fill(byId("hang-up"), icon("hangup"), "Hang up");
  fill(byId("keys"), icon("keypad"), "Keypad");
  fill(byId("microphone"), icon("microphone"));
  fill(byId("chips"), SUGGESTIONS.map((text) => h("li", {}, h("button", { class: "chip", type: "button", on: { click: () => say(text) } }, text))));
  fill(byId("keypad"), KEYS.map((digit) => h("button", { class: "key number", type: "button", "aria-label": { "*": "star", "#": "pound" }[digit] ?? digit, on: { click: () => press(digit) } }, digit)));
  byId("call").addEventListener("click", dial);
  byId("hang-up").addEventListener("click", hangUp);
  byId("keys").addEventListener("click", toggleKeypad);
  byId("aloud").addEventListener("change", (event) => (voice.on = event.target.checked));
  byId("aloud").closest("label").hidden = !voice.possible;
  byId("speak").addEventListener("submit", (event) => {
    event.preventDefault();
    say(byId("words").value);
  });
  dictation(byId("microphone"), (text) => (byId("words").value = text));
  addEventListener("pagehide", () => line?.send({ type: "hang_up" }));
  setInterval(() => {
    if (began !== null) byId("timer").textContent = clockTime((Date.now() - began) / 1000);
  }, 250);
}

async function start() {
  furnish();
  show("idle");
  byId("call").disabled = true;
  try {
    info = await demoInfo();
  } catch (error) {
    byId("state").textContent = error.message;
  }
  if (!info?.carrier_url || !info.numbers?.length) {
    if (info === null) announce("The practice phone is part of the demo, which is not running here.", { atOnce: true });
    byId("state").textContent = "The demo is not running here";
    return;
  }
  fill(byId("number"), info.numbers.map((number) => h("option", { value: number }, number)));
  byId("callee").textContent = info.numbers.length === 1 ? info.numbers[0] : "Demo health line";
  byId("call").disabled = false;
  show("idle");
}

start();
