// The figures that a room reads from across: one number each, with what it means under it.

import { h } from "/assets/dom.js";
import { clockTime, spokenTime } from "/assets/words.js";

const tiles = new Map();

/** Draw the tiles into `place`; they are made once and then only their texts change, so nothing flickers. */
export function drawKpis(place, queues, kpis) {
  const waiting = { emergent: 0, urgent: 0, routine: 0 };
  for (const queue of queues) for (const urgency of Object.keys(waiting)) waiting[urgency] += queue.waiting?.[urgency] ?? 0;
  const count = waiting.emergent + waiting.urgent + waiting.routine;
  const longest = Math.max(0, ...queues.map((queue) => queue.longest_wait_s ?? 0));
  const level = kpis.service_level ?? null;
  const speed = kpis.average_speed_of_answer_s ?? null;

  tile(place, "waiting", "Waiting", String(count), words(waiting), waiting.emergent ? "emergent" : waiting.urgent ? "urgent" : "");
  tile(place, "longest", "Longest wait", count ? clockTime(longest) : "0:00", count ? "minutes and seconds" : "nobody waits", "");
  tile(place, "level", "Service level", level === null ? "–" : `${Math.round(level * 100)} %`, "answered in time", "");
  tile(place, "answered", "Answered", number(kpis.answered), speed === null ? "by an agent" : `after ${spokenTime(speed)} on average`, "");
  tile(place, "served", "Served without an agent", number(kpis.self_served), `${number(kpis.in_dialog)} talking to the front door now`, "");
  tile(place, "abandoned", "Abandoned", number(kpis.abandoned), "hung up before an answer", "");
}

function words(waiting) {
  const parts = Object.entries(waiting).filter(([, count]) => count);
  return parts.length ? parts.map(([urgency, count]) => `${count} ${urgency}`).join(", ") : "nobody waits";
}

function number(value) {
  return (value ?? 0).toLocaleString("en");
}

function tile(place, name, title, value, meaning, tone) {
  if (!tiles.has(name)) {
    const parts = { value: h("dd", { class: "value number" }), meaning: h("dd", { class: "quiet" }), node: null };
    parts.node = h("dl", { class: "tile card", "data-kpi": name }, h("dt", {}, title), parts.value, parts.meaning);
    place.append(parts.node);
    tiles.set(name, parts);
  }
  const parts = tiles.get(name);
  parts.node.className = `tile card ${tone ? `tone-${tone}` : ""}`;
  for (const [part, text] of [["value", value], ["meaning", meaning]]) {
    if (parts[part].textContent !== text) parts[part].textContent = text;
  }
}
