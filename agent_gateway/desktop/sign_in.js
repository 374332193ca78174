// Signing in: one click per practice agent in the demo, a token elsewhere.

import { call, demoInfo } from "/assets/api.js";
import { fill, h, icon } from "/assets/dom.js";
import { skillWords, words } from "/assets/words.js";

/** Show the sign-in; `enter(token)` is called with a token. `message` says why one has to sign in again. */
export async function signIn(place, enter, message) {
  const problem = h("p", { class: "problem", role: "alert" }, message ?? "");
  const title = h("h1", { id: "sign-in-title" }, "Who is at the desk?");
  place.setAttribute("aria-labelledby", "sign-in-title");
  fill(place, h("div", { class: "sign-in card" }, title, h("p", { class: "quiet", role: "status" }, "One moment …")));
  let info = null;
  try {
    info = await demoInfo();
  } catch (error) {
    fill(problem, error.message, " ", h("button", { class: "button", type: "button", on: { click: () => signIn(place, enter, null) } }, "Try again"));
  }
  const choice = info ? practiceAgents(info.agents ?? [], enter, problem) : tokenForm(enter, problem);
  fill(place, h("div", { class: "sign-in card" }, title, problem, ...choice));
}

function practiceAgents(agents, enter, problem) {
  const practice = agents.filter((agent) => agent.practice);
  const offered = practice.length ? practice : agents;
  const button = (agent) =>
    h(
      "button",
      { class: "person", type: "button", "data-agent": agent.agent_id, on: { click: () => demoSignIn(agent, enter, problem) } },
      h("span", { class: "face" }, icon("person")),
      h(
        "span",
        { class: "person-words" },
        h("strong", {}, agent.name),
        h("span", { class: "quiet" }, [words(agent.role), ...(agent.skills ?? []).slice(0, 4).map(skillWords)].join(" · ")),
      ),
    );
  return [
    h("p", { class: "quiet" }, "This is the demo: choose a practice agent, no password needed. The simulated agents answer the other calls."),
    h("ul", { class: "people" }, offered.map((agent) => h("li", {}, button(agent)))),
    h("p", { class: "quiet small" }, "Then call in from the ", h("a", { href: "/phone/", target: "_blank" }, "practice phone (new tab)"), "."),
  ];
}

async function demoSignIn(agent, enter, problem) {
  try {
    const { token } = await call("/v1/demo/sign-in", { method: "POST", body: { agent_id: agent.agent_id } });
    enter(token);
  } catch (error) {
    problem.textContent = `${error.message} Please try again.`;
  }
}

function tokenForm(enter, problem) {
  const input = h("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true });
  const submit = (event) => {
    event.preventDefault();
    const token = input.value.trim();
    if (token) enter(token);
    else problem.textContent = "The token is missing.";
  };
  return [
    h(
      "form",
      { class: "token-form", on: { submit } },
      h("div", { class: "field" }, h("label", { for: "token" }, "Access token"), input),
      h("p", { class: "quiet small" }, "Your administrator has it. For development: ", h("code", {}, "frontdoor token --role agent --subject ID")),
      h("button", { class: "button primary", type: "submit" }, "Sign in"),
    ),
  ];
}
