// Which models serve now, and a swap as it happens.

import { get, make, say, speak } from "./dom.js";
import { componentName, modelName } from "./words.js";

// What the steps of docs/swap.md are to somebody who waits for the new model.
const STEPS = {
  Verifying: "checking",
  Fetching: "fetching",
  Loading: "loading",
  Proving: "trying it out",
  Proven: "about to take over",
  Waiting: "waiting for room",
  Switching: "taking over",
  Rolling: "replacing the servers",
};

const cells = new Map();
let before = {};

/** Shows the components of the gateway's state, and says aloud what has changed. */
export function showModels(components) {
  for (const [component, now] of Object.entries(components)) {
    if (!cells.has(component)) cells.set(component, cell(component));
    show(cells.get(component), component, now);
    if (before[component]) tellChange(component, before[component], now);
  }
  before = components;
}

function cell(component) {
  const parts = {
    dot: make("span", { className: "dot", "aria-hidden": "true" }),
    model: make("span", { className: "model" }),
    next: make("span", { className: "next", hidden: true }),
    state: make("span", { className: "state" }),
    facts: make("dl", { className: "facts" }),
  };
  const head = make("span", { className: "component" }, parts.dot, componentName(component));
  const names = make("span", { className: "names" }, parts.model, parts.next);
  const summary = make("summary", {}, head, parts.state, names);
  const details = make("details", { name: "model" }, summary, parts.facts);
  details.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && details.open) {
      details.open = false;
      summary.focus();
    }
  });
  document.addEventListener("click", ({ target }) => {
    if (!details.contains(target)) details.open = false;
  });
  parts.item = make("li", {}, details);
  parts.item.addEventListener("animationend", () => delete parts.item.dataset.new);
  get("models").append(parts.item);
  return parts;
}

function show({ item, model, next, state, facts }, component, now) {
  const { swap, canary } = now;
  const undone = swap?.step === "RolledBack";
  const isSwapping = Boolean(swap) && !undone;
  item.dataset.state = isSwapping ? "swapping" : now.ready ? "ready" : "down";
  say(model, now.model ? modelName(now.model.uri, component) : versionOf(now));
  next.hidden = !isSwapping;
  say(next, isSwapping ? modelName(swap.candidate, component) : "");
  say(state, stateOf(now, isSwapping, undone));
  write(facts, [
    ["Model", now.model?.uri],
    ["Digest", now.model?.digest],
    ["Version in the server", now.version],
    ["To take over", isSwapping && swap.candidate],
    ["Strategy", isSwapping && swap.strategy],
    ["Found bad", undone && swap.candidate],
    [undone ? "Why" : "Waits", swap?.message],
    [`Canary, ${canary?.percent} % of the requests`, canary?.model],
  ]);
}

function stateOf({ ready, swap, canary }, isSwapping, undone) {
  if (isSwapping) return STEPS[swap.step] ?? swap.step;
  if (!ready) return "cannot answer";
  if (undone) return "kept: the new one was bad";
  return canary ? `serves, canary ${canary.percent} %` : "serves";
}

function versionOf({ version }) {
  return version ? `version ${version}` : "model";
}

function write(list, facts) {
  const known = facts.filter(([, fact]) => fact);
  const text = JSON.stringify(known);
  if (list.dataset.shown === text) return;
  list.dataset.shown = text;
  const rows = known.map(([name, fact]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(fact))));
  list.replaceChildren(...rows);
}

function tellChange(component, was, now) {
  const name = componentName(component);
  const model = now.model && modelName(now.model.uri, component);
  if (now.model && was.model && was.model.uri !== now.model.uri) {
    cells.get(component).item.dataset.new = "";
    speak(`${name}: ${model} serves now.`);
  } else if (now.swap && now.swap.step === "RolledBack" && was.swap?.step !== "RolledBack") {
    speak(`${name}: ${modelName(now.swap.candidate, component)} was found bad; ${model} goes on serving.`);
  } else if (now.swap && !was.swap) {
    speak(`${name}: a swap to ${modelName(now.swap.candidate, component)} has begun.`);
  }
}
