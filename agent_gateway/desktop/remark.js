// The line in a card where passing remarks appear.

import { h } from "/assets/dom.js";

export function remark() {
  const node = h("p", { class: "remark" });
  return { node, say: (text) => (node.textContent = text ?? "") };
}
