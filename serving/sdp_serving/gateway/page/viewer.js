// A picture by itself, with its receipt.

import { get, make, say } from "./dom.js";
import { choiceName } from "./settings.js";
import { componentName, count, fileName } from "./words.js";

const dialog = get("viewer");

let shown;
let opener;
let pictures = () => [];

/**
 * Prepares the viewer.
 *
 * @param {() => {picture: object, button: HTMLElement}[]} all the pictures that can be turned to, as they are laid out.
 * @param {(receipt: object) => void} again uses a picture's settings.
 */
export function prepare(all, again) {
  pictures = all;
  get("viewer-close").onclick = () => dialog.close();
  get("viewer-before").onclick = () => turn(-1);
  get("viewer-next").onclick = () => turn(1);
  get("viewer-again").onclick = () => {
    opener = null;
    dialog.close();
    again(shown.receipt);
  };
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") turn(-1);
    if (event.key === "ArrowRight") turn(1);
  });
  dialog.addEventListener("click", (event) => {
    // The backdrop is the dialog itself; its parts cover the rest.
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => opener?.focus());
}

/** Opens a picture; `button` has the focus again afterwards. */
export function view(picture, button) {
  show(picture, button);
  dialog.showModal();
}

function show(picture, button) {
  [shown, opener] = [picture, button];
  const { receipt, url, cutOff } = picture;
  const image = get("viewer-image");
  image.src = url;
  image.alt = receipt.prompt;
  image.width = receipt.width;
  image.height = receipt.height;
  const download = get("viewer-download");
  download.href = url;
  download.download = fileName(receipt);
  const cut = cutSentence(cutOff);
  get("viewer-cut").hidden = !cut;
  say(get("viewer-cut"), cut);
  get("viewer-receipt").replaceChildren(...rows(receipt));
  const all = pictures();
  const place = all.findIndex((each) => each.picture === picture);
  get("viewer-before").disabled = place <= 0;
  get("viewer-next").disabled = place === all.length - 1;
}

function turn(by) {
  const all = pictures();
  const to = all[all.findIndex(({ picture }) => picture === shown) + by];
  if (to) show(to.picture, to.button);
}

function cutSentence({ prompt, negativePrompt }) {
  const parts = [
    prompt && `the last ${count(prompt, "token")} of the prompt`,
    negativePrompt && `the last ${count(negativePrompt, "token")} of the negative prompt`,
  ].filter(Boolean);
  return parts.length ? `Not read: ${parts.join(" and ")}. The text encoder reads 77 tokens, its two marks among them.` : "";
}

function rows(receipt) {
  const { models, source } = receipt;
  return [
    ["Prompt", receipt.prompt],
    ["Negative prompt", receipt.negative_prompt],
    ["Seed", receipt.seed],
    ["Steps", receipt.steps],
    ["Guidance", receipt.guidance_scale],
    ["Sampler", choiceName("sampler", receipt.sampler)],
    ["Noise schedule", choiceName("schedule", receipt.schedule)],
    ["Size", `${receipt.width} × ${receipt.height}`],
    ["Strength", source?.strength],
    ["Variant", receipt.variant !== "stable" && receipt.variant],
    ...Object.entries(models).map(([component, model]) => [componentName(component), modelRows(model)]),
  ]
    .filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false)
    .map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, ...[value].flat().map(asNode))));
}

function modelRows({ uri, version, digest }) {
  return [
    ...(uri ? [make("span", { className: "uri" }, ...breakable(uri))] : []),
    ...(digest ? [make("code", { title: digest }, digest.slice(0, 19))] : []),
    make("small", {}, `version ${version} in its server`),
  ];
}

// A long address wraps at its slashes.
function breakable(uri) {
  return uri.split(/(?<=\/)(?=\w)/).flatMap((part) => [part, make("wbr")]);
}

function asNode(value) {
  return value instanceof Node ? value : String(value);
}
