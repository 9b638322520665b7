// What the form asks for.

import { get } from "./dom.js";

const NUMBERS = ["seed", "steps", "guidance_scale"];
const TEXTS = ["prompt", "negative_prompt", "size", "sampler", "schedule"];

const form = get("composer");

/** Has the form follow what is entered. */
export function prepareForm() {
  form.addEventListener("input", follow);
  // A field that is wrong can be told of only where it is seen.
  form.addEventListener("invalid", () => (get("settings").open = true), { capture: true });
  for (const id of ["prompt", "negative_prompt"]) get(id).addEventListener("keydown", submitOnEnter);
  get("random").onclick = () => {
    form.elements.seed.value = "";
    form.elements.seed.focus();
    follow();
  };
  follow();
}

/** The form as a request of the images API; what is left empty is left to the gateway. */
export function read() {
  const entries = [...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value);
  const request = Object.fromEntries(entries);
  for (const name of [...NUMBERS, "n"]) if (name in request) request[name] = Number(request[name]);
  if (request.size) request.size = request.size.replace(/\s/g, "").replace("×", "x");
  return request;
}

/** Fills the form in with what a picture was made of, so that the next drawing gives the same one. */
export function fill(receipt) {
  const values = { ...receipt, size: `${receipt.width}x${receipt.height}` };
  for (const name of [...NUMBERS, ...TEXTS]) {
    const field = form.elements[name];
    field.value = values[name] ?? "";
    if (field.selectedIndex === -1) field.selectedIndex = 0;
  }
  form.elements.n.value = "1";
  follow();
}

/** What the page calls a value of a choice, such as a sampler. */
export function choiceName(field, value) {
  return [...form.elements[field].options].find((option) => option.value === value)?.text ?? value;
}

function submitOnEnter(event) {
  // Shift for a new line; Enter that only ends a word of an input method is none of ours.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
}

function follow() {
  fit();
  summarise();
}

// Makes the prompts' boxes as high as what is in them, where the browser does not do so by itself.
function fit() {
  if (CSS.supports("field-sizing", "content")) return;
  for (const box of form.querySelectorAll("textarea")) {
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
  }
}

// Says beside the heading of the settings what they are.
function summarise() {
  const { seed, steps, guidance_scale: guidance, size } = read();
  const parts = [`${steps ?? "?"} steps`, guidance !== undefined && `guidance ${guidance}`, size];
  get("random").hidden = seed === undefined;
  get("summary").textContent = [...parts, seed === undefined ? "random seed" : `seed ${seed}`].filter(Boolean).join(" · ");
}
