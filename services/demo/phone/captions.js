// What is heard and said, as text. The box is a log region, so a screen reader reads each new line.

import { h, icon } from "/assets/dom.js";

const LINES_MAX = 200;

export class Captions {
  #list;
  #box;
  #hint;

  constructor(list, box, hint) {
    [this.#list, this.#box, this.#hint] = [list, box, hint];
  }

  clear() {
    this.#list.replaceChildren();
    this.#hint.hidden = true;
  }

  heard(text, language) {
    this.#add("heard", h("span", { class: "sr-only" }, "You hear: "), h("span", { lang: language || "en" }, text));
  }

  spoke(text) {
    this.#add("spoke", h("span", { class: "sr-only" }, "You said: "), text);
  }

  pressed(digit) {
    this.#add("spoke key-press", h("span", { class: "sr-only" }, "You pressed "), digit);
  }

  music() {
    if (this.#list.lastElementChild?.classList.contains("tune")) return; // The loop asks again; once is enough to read.
    this.#add("note tune", icon("music"), "Hold music");
  }

  note(text) {
    this.#add("note", text);
  }

  #add(kind, ...content) {
    this.#list.append(h("p", { class: kind }, ...content));
    while (this.#list.children.length > LINES_MAX) this.#list.firstElementChild.remove();
    this.#box.scrollTop = this.#box.scrollHeight;
  }
}
