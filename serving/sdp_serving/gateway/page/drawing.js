// One drawing: a prompt, and its pictures while they are drawn and after.

import { make, prose, say, speak } from "./dom.js";
import { draw, Refusal } from "./gateway.js";
import { count, duration } from "./words.js";

const PREVIEWS = 8;

let drawings = 0;

/** A picture that is there. `url` is of its file, `receipt` is what it was made of. */
class Picture {
  constructor(event) {
    this.url = URL.createObjectURL(pngOf(event));
    this.receipt = event.receipt;
    this.cutOff = { prompt: event.tokens_cut_off, negativePrompt: event.negative_tokens_cut_off };
  }
}

export class Drawing {
  /**
   * Shows frames for the pictures at once.
   *
   * @param {object} request of the images API.
   * @param {object} acts `open(picture, button)` shows a picture that is there, `again(request)` draws once more.
   */
  constructor(request, { open, again }) {
    this.request = request;
    this.opened = new Map();
    this.open = open;
    this.again = again;
    this.stopping = new AbortController();
    const id = `drawing-${++drawings}`;
    this.title = make("h3", { id, title: request.prompt }, request.prompt);
    this.state = make("span", { className: "progress-line" });
    this.act = make("button", { type: "button", onclick: () => this.stopping.abort() }, "Stop");
    this.how = make("span", {}, how(request));
    this.frames = Array.from({ length: request.n }, (_, index) => frame(index, request));
    this.list = make("ol", { className: "pictures" }, ...this.frames.map(({ item }) => item));
    const line = make("p", { className: "line" }, this.state, this.how);
    const head = make("div", { className: "drawing-head" }, this.title, line, this.act);
    this.element = make("article", { className: "drawing", "aria-labelledby": id }, head, this.list);
  }

  /** The pictures that are there, each with the button that opens it, as they are laid out. */
  pictures() {
    const places = [...this.opened];
    return places.sort(([one], [other]) => one - other).map(([, picture]) => picture);
  }

  /** Draws; ends when all pictures are there, or no more will come. */
  async run() {
    const begun = performance.now();
    this.tell("Waiting for the first preview");
    try {
      for await (const event of draw({ ...this.request, partial_images: PREVIEWS }, this.stopping.signal)) {
        this.take(event);
      }
      if (this.opened.size < this.request.n) throw new Refusal("Fewer pictures came than were asked for: draw again.");
      this.end(`${count(this.request.n, "picture")} in ${duration(performance.now() - begun)}`);
    } catch (failure) {
      if (!(failure instanceof Refusal) && !this.stopping.signal.aborted) throw failure;
      this.end(this.stopping.signal.aborted ? "Stopped" : failure.message, { failed: failure instanceof Refusal });
    }
  }

  take(event) {
    const { item, image, bar } = this.frames[event.image_index];
    if (event.type.endsWith(".partial_image")) {
      item.dataset.state = "drawing";
      show(image, URL.createObjectURL(pngOf(event)));
      bar.max = event.steps;
      bar.value = event.step;
      this.tell(`Step ${event.step} of ${event.steps}`);
    } else {
      const picture = new Picture(event);
      const button = finish(this.frames[event.image_index], picture, this.open);
      this.opened.set(event.image_index, { picture, button });
      if (this.opened.size < this.request.n) {
        this.tell(`${this.opened.size} of ${count(this.request.n, "picture")}`);
      }
    }
  }

  tell(text) {
    this.state.replaceChildren(...prose(text));
    speak(text);
  }

  end(text, { failed = false } = {}) {
    this.tell(text);
    this.element.toggleAttribute("data-failed", failed);
    for (const { item } of this.frames) if (item.dataset.state !== "done") item.remove();
    say(this.act, "Draw again");
    this.act.onclick = () => this.again(this.request);
  }
}

function frame(index, { n, size }) {
  const image = make("img", { alt: "", hidden: true });
  const bar = make("progress", { "aria-label": n === 1 ? "The picture" : `Picture ${index + 1} of ${n}` });
  const place = make("div", { className: "place" }, image, bar);
  const [width, height] = (size ?? "1x1").split("x");
  place.style.aspectRatio = `${width} / ${height}`;
  return { item: make("li", { "data-state": "waiting" }, place), place, image, bar };
}

function finish({ item, place, image, bar }, picture, open) {
  const { prompt, seed, width, height } = picture.receipt;
  bar.remove();
  show(image, picture.url);
  image.alt = prompt;
  place.style.aspectRatio = `${width} / ${height}`;
  const button = make("button", { className: "open", type: "button" }, place);
  button.setAttribute("aria-label", `${prompt}${seed == null ? "" : `, seed ${seed}`}: open the picture and its receipt`);
  button.onclick = () => open(picture, button);
  item.dataset.state = "done";
  item.replaceChildren(button, make("p", { className: "caption" }, ...caption(picture)));
  return button;
}

function caption({ receipt: { seed }, cutOff }) {
  const cut = cutOff.prompt || cutOff.negativePrompt;
  return [
    make("span", {}, seed == null ? "" : `seed ${seed}`),
    ...(cut ? [make("span", { className: "cut-mark" }, "prompt cut")] : []),
  ];
}

function show(image, url) {
  const old = image.src;
  image.src = url;
  image.hidden = false;
  if (old) image.decode().finally(() => URL.revokeObjectURL(old)).catch(() => {});
}

function how({ negative_prompt: negative, steps, guidance_scale: guidance, size }) {
  return [negative && `without “${negative}”`, `${steps} steps`, guidance !== undefined && `guidance ${guidance}`, size]
    .filter(Boolean)
    .join(" · ");
}

function pngOf({ b64_json: encoded, output_format: format }) {
  const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: `image/${format}` });
}
