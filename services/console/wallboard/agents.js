// Agents by state, and each with how long they have been in it.

import { serverNow } from "/assets/api.js";
import { fill, h } from "/assets/dom.js";
import { clockTime, words } from "/assets/words.js";

// In the order in which a supervisor looks: who is free, who is about to be, who is not there.
const GROUPS = [
  ["free", "Free"],
  ["offered", "Offered a call"],
  ["connecting", "Connecting"],
  ["talking", "On a call"],
  ["wrapping", "Wrap-up"],
  ["break", "Break"],
  ["training", "Training"],
  ["unreachable", "Unreachable"],
  ["offline", "Offline"],
];
const BY_STATE = { reserved: "offered", connecting: "connecting", busy: "talking", wrapping: "wrapping" };
const NAMES = Object.fromEntries(GROUPS);

/** Which group an agent is shown in: work first, then what they declared, then whether they can be reached. */
export function groupOf({ status, state }) {
  if (BY_STATE[state]) return BY_STATE[state];
  if (status === "offline") return "offline";
  if (state === "unreachable") return "unreachable";
  return status === "available" ? "free" : (status in NAMES ? status : "offline");
}

export function drawAgents(states, list, agents) {
  const order = GROUPS.map(([group]) => group);
  const grouped = agents.map((agent) => ({ ...agent, group: groupOf(agent) }));
  grouped.sort((a, b) => order.indexOf(a.group) - order.indexOf(b.group) || a.name.localeCompare(b.name));
  const counts = GROUPS.map(([group, name]) => [group, name, grouped.filter((agent) => agent.group === group).length]);
  fill(states, counts.filter(([group, , count]) => count || group === "free").map(([group, name, count]) => h("li", { class: `state ${group}`, "data-group": group }, h("strong", { class: "number" }, String(count)), h("span", {}, name))));
  fill(list, grouped.map(line));
}

function line(agent) {
  const since = Date.parse(agent.since ?? "");
  const held = Number.isFinite(since) ? clockTime((serverNow() - since) / 1000) : "";
  return h(
    "li",
    { class: agent.group, "data-agent": agent.agent_id },
    h("span", { class: "mark", "aria-hidden": "true" }),
    h("span", { class: "name" }, agent.name || agent.agent_id),
    h("span", { class: "quiet group" }, NAMES[agent.group]),
    h("span", { class: "number held" }, held),
  );
}
