// One line a queue: who waits, how urgently, how long, and who could answer.

import { capitalised, fill, h, icon } from "/assets/dom.js";
import { clockTime, words } from "/assets/words.js";

const URGENCIES = ["emergent", "urgent", "routine"];

export function drawQueues(body, queues) {
  const many = new Set(queues.map((queue) => queue.tenant)).size > 1;
  const rows = queues.map((queue) => row(queue, many));
  fill(body, rows.length ? rows : h("tr", {}, h("td", { colspan: "8", class: "quiet" }, "No queue is configured yet.")));
}

function row(queue, many) {
  const waiting = queue.waiting ?? {};
  const count = URGENCIES.reduce((sum, urgency) => sum + (waiting[urgency] ?? 0), 0);
  return h(
    "tr",
    { "data-queue": queue.name },
    h("th", { scope: "row" }, words(queue.name), many ? h("span", { class: "quiet tenant" }, queue.tenant) : null),
    h("td", { class: "figure total", "data-label": "Waiting" }, String(count)),
    ...URGENCIES.map((urgency) => urgencyCell(urgency, waiting[urgency] ?? 0)),
    h("td", { class: "figure", "data-label": "Longest wait" }, count ? clockTime(queue.longest_wait_s ?? 0) : "–"),
    h("td", { class: "figure", "data-label": "On call" }, String((queue.connecting ?? 0) + (queue.connected ?? 0))),
    h("td", { class: "figure", "data-label": "Agents free" }, String(queue.agents_idle ?? 0)),
  );
}

function urgencyCell(urgency, count) {
  const value = count ? h("span", { class: `urgency ${urgency}` }, icon(urgency), String(count)) : h("span", { class: "quiet" }, "0");
  return h("td", { class: "figure", "data-label": capitalised(urgency) }, value);
}
