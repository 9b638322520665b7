// The place of one picture: empty, then with previews, then with the picture.

import { make } from "./dom.js";

/** A picture that is there. `url` is of its file, `receipt` is what it was made of. */
class Picture {
  constructor(event) {
    this.url = urlOf(event);
    this.receipt = event.receipt;
    this.cutOff = { prompt: event.tokens_cut_off, negativePrompt: event.negative_tokens_cut_off };
  }
}

export class Frame {
  /**
   * Makes an empty one.
   *
   * @param {number} index which of the request's pictures is to come.
   * @param {object} request of the images API.
   */
  constructor(index, { n, size }) {
    this.image = make("img", { alt: "", hidden: true });
    this.bar = make("progress", { "aria-label": n === 1 ? "The picture" : `Picture ${index + 1} of ${n}` });
    this.place = make("div", { className: "place" }, this.image, this.bar);
    this.element = make("li", { "data-state": "waiting" }, this.place);
    this.opened = null;
    this.shape(...(size ?? "1x1").split("x"));
  }

  /** Shows a partial image, as the images API gives it. */
  preview(event) {
    this.element.dataset.state = "drawing";
    this.show(urlOf(event));
    this.bar.max = event.steps;
    this.bar.value = event.step;
  }

  /** Shows the picture of an event that completes it; the user opens it by `open(picture, button)`. */
  finish(event, open) {
    const picture = new Picture(event);
    const { prompt, seed, width, height } = picture.receipt;
    this.bar.remove();
    this.show(picture.url);
    this.image.alt = prompt;
    this.shape(width, height);
    const named = `${prompt}${seed == null ? "" : `, seed ${seed}`}: open the picture and its receipt`;
    const button = make("button", { className: "open", type: "button", "aria-label": named }, this.place);
    button.onclick = () => open(picture, button);
    this.opened = { picture, button };
    this.element.dataset.state = "done";
    this.element.replaceChildren(button, make("p", { className: "caption" }, ...caption(picture)));
  }

  /** Takes it away, as no picture comes any more. */
  remove() {
    URL.revokeObjectURL(this.image.src);
    this.element.remove();
  }

  shape(width, height) {
    this.place.style.aspectRatio = `${width} / ${height}`;
  }

  show(url) {
    const old = this.image.src;
    this.image.src = url;
    this.image.hidden = false;
    if (old) this.image.decode().finally(() => URL.revokeObjectURL(old)).catch(() => {});
  }
}

function caption({ receipt: { seed }, cutOff }) {
  const cut = cutOff.prompt || cutOff.negativePrompt;
  return [
    make("span", {}, seed == null ? "" : `seed ${seed}`),
    ...(cut ? [make("span", { className: "cut-mark" }, "prompt cut")] : []),
  ];
}

function urlOf({ b64_json: encoded, output_format: format }) {
  const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: `image/${format}` }));
}
