// Building and announcing: the little that every page needs of the document.

const SVG = "http://www.w3.org/2000/svg";

// Shapes differ as well as colours, so that urgency is told apart without either colour or reading.
const SHAPES = {
  emergent: ["M8 2h8l6 6v8l-6 6H8l-6-6V8z", "M12 7v6", "M12 16.5v.5"],
  urgent: ["M12 3 22 20H2z", "M12 10v4", "M12 17v.2"],
  routine: ["M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19z", "M12 7v5l3 2"],
  phone: [
    "M21 16.5v3a1.5 1.5 0 0 1-1.7 1.5A17.5 17.5 0 0 1 3 4.7 1.5 1.5 0 0 1 4.5 3h3l2 5-2 1.5a13 13 0 0 0 6 6l1.5-2z",
  ],
  hangup: ["M12 8c-4 0-7.5 1.5-10 4.2l1.2 4.3 4.6-1v-3a14 14 0 0 1 8.4 0v3l4.6 1 1.2-4.3C19.5 9.5 16 8 12 8z"],
  microphone: ["M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3z", "M5.5 11a6.5 6.5 0 0 0 13 0", "M12 17.5V21"],
  check: ["M4 12.5 9.5 18 20 6.5"],
  cross: ["M5 5 19 19", "M19 5 5 19"],
  quote: ["M4 5h16v11h-9l-5 4v-4H4z"],
  person: ["M12 12a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9z", "M3.5 21c1-4.5 4.5-6.5 8.5-6.5s7.5 2 8.5 6.5"],
  keypad: ["M5 5h.01M12 5h.01M19 5h.01M5 12h.01M12 12h.01M19 12h.01M5 19h.01M12 19h.01M19 19h.01"],
  board: ["M3 20h18", "M6 20v-7", "M12 20V5", "M18 20v-10"],
  desk: ["M3 5h18v11H3z", "M8.5 20h7", "M12 16v4"],
  speaker: ["M4 9.5h3.5L12 5v14l-4.5-4.5H4z", "M16 9a4.5 4.5 0 0 1 0 6", "M18.5 6.5a8 8 0 0 1 0 11"],
  music: ["M9 18V5l11-2v13", "M9 18a3 3 0 1 1-6 0 3 3 0 0 1 6 0z", "M20 16a3 3 0 1 1-6 0 3 3 0 0 1 6 0z"],
};

/**
 * Make an element. Text children become text nodes, so nothing from outside is ever read as markup.
 * `props` sets attributes; `class` and `on` (event handlers by name) are understood, null and false are left out.
 */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    } else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A drawn sign; it repeats the word beside it and is therefore hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  for (const shape of SHAPES[name] ?? []) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", shape);
    svg.append(path);
  }
  return svg;
}

/** Urgency as colour, word and shape. */
export function urgencyMark(urgency) {
  const known = ["emergent", "urgent", "routine"].includes(urgency) ? urgency : "routine";
  return h("span", { class: `urgency ${known}` }, icon(known), capitalised(urgency));
}

/** A ring that empties; `set(share, text)` moves it, share 1 (full) to 0. */
export function ring(radius = 54) {
  const length = 2 * Math.PI * radius;
  const size = 2 * radius + 12;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("aria-hidden", "true");
  const [track, left] = ["track", "left"].map((name) => {
    const circle = document.createElementNS(SVG, "circle");
    const at = { class: name, cx: size / 2, cy: size / 2, r: radius, fill: "none", "stroke-width": 8 };
    for (const [key, value] of Object.entries(at)) circle.setAttribute(key, value);
    svg.append(circle);
    return circle;
  });
  left.setAttribute("stroke-dasharray", length);
  left.setAttribute("stroke-linecap", "round");
  left.setAttribute("transform", `rotate(-90 ${size / 2} ${size / 2})`);
  const number = h("strong", { class: "number" });
  const node = h("div", { class: "ring" }, svg, h("div", { class: "ring-text", "aria-hidden": "true" }, number, h("span", {}, "seconds")));
  const set = (share, text) => {
    left.setAttribute("stroke-dashoffset", length * (1 - Math.max(0, Math.min(1, share))));
    if (number.textContent !== text) number.textContent = text;
  };
  return { node, set };
}

/** Say something to screen readers: at once, or when they pause. The regions are in the page from the start. */
export function announce(text, { atOnce = false } = {}) {
  const region = document.getElementById(atOnce ? "alerts" : "news");
  if (!region) return;
  // The same sentence twice is only spoken again if the region was empty in between.
  region.textContent = "";
  requestAnimationFrame(() => requestAnimationFrame(() => (region.textContent = text)));
}

/** Replace all children. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

export function capitalised(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : "";
}
