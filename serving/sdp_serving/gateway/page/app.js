// The page: the form, the drawings, and the gateway's state.

import { get, say } from "./dom.js";
import { Drawing } from "./drawing.js";
import { Refusal, state } from "./gateway.js";
import { showModels } from "./models.js";
import { showFailure, showState } from "./notices.js";
import { fill, prepareForm, read } from "./settings.js";
import { count } from "./words.js";
import { prepare, view } from "./viewer.js";

const ASK_AGAIN_MILLISECONDS = 2000;

const wide = matchMedia("(min-width: 60rem)");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const drawings = [];

function start() {
  get("settings").open = wide.matches;
  prepareForm();
  get("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    drawNow(read());
  });
  prepare(
    () => drawings.flatMap((drawing) => drawing.pictures()),
    (receipt) => {
      fill(receipt);
      get("prompt").focus();
    },
  );
  watch();
}

async function drawNow(request) {
  const button = get("draw");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  say(button, "Drawing");
  const drawing = new Drawing(request, { open: view, again: drawNow });
  drawings.unshift(drawing);
  get("empty")?.remove();
  get("gallery-title").after(drawing.element);
  if (!wide.matches) drawing.element.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth" });
  try {
    await drawing.run();
  } finally {
    button.removeAttribute("aria-disabled");
    say(button, "Draw");
  }
}

async function watch() {
  for (;;) {
    if (!document.hidden) await look();
    await new Promise((done) => setTimeout(done, ASK_AGAIN_MILLISECONDS));
  }
}

async function look() {
  try {
    const now = await state();
    say(get("pipeline"), now.pipeline);
    say(get("queue"), now.queue.waiting ? `${count(now.queue.waiting, "request")} waiting` : "");
    document.title = `${now.pipeline} · Stable Diffusion`;
    showModels(now.components);
    showState(now);
  } catch (failure) {
    if (!(failure instanceof Refusal)) throw failure;
    showFailure(failure.message);
  }
}

start();
