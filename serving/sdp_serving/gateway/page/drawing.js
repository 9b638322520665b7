// One drawing: a prompt, and its pictures while they are drawn and after.

import { make, prose, say, speak } from "./dom.js";
import { Frame } from "./frame.js";
import { draw, Refusal } from "./gateway.js";
import { count, duration } from "./words.js";

const PREVIEWS = 8;

let drawings = 0;

export class Drawing {
  /**
   * Shows frames for the pictures at once.
   *
   * @param {object} request of the images API.
   * @param {object} acts `open(picture, button)` shows a picture that is there, `again(request)` draws once more.
   */
  constructor(request, { open, again }) {
    this.request = request;
    this.open = open;
    this.again = again;
    this.stopping = new AbortController();
    this.frames = Array.from({ length: request.n }, (_, index) => new Frame(index, request));
    this.state = make("span", { className: "progress-line" });
    this.act = make("button", { type: "button", onclick: () => this.stopping.abort() }, "Stop");
    const id = `drawing-${++drawings}`;
    const title = make("h3", { id, title: request.prompt }, request.prompt);
    const line = make("p", { className: "line" }, this.state, make("span", {}, how(request)));
    const head = make("div", { className: "drawing-head" }, title, line, this.act);
    const list = make("ol", { className: "pictures" }, ...this.frames.map(({ element }) => element));
    this.element = make("article", { className: "drawing", "aria-labelledby": id }, head, list);
  }

  /** The pictures that are there, each with the button that opens it, as they are laid out. */
  pictures() {
    return this.frames.map(({ opened }) => opened).filter(Boolean);
  }

  /** Draws; ends when all pictures are there, or no more will come. */
  async run() {
    const begun = performance.now();
    this.tell("Waiting for the first preview");
    try {
      for await (const event of draw({ ...this.request, partial_images: PREVIEWS }, this.stopping.signal)) {
        this.take(event);
      }
      if (this.pictures().length < this.request.n) {
        throw new Refusal("Fewer pictures came than were asked for: draw again.");
      }
      this.end(`${count(this.request.n, "picture")} in ${duration(performance.now() - begun)}`);
    } catch (failure) {
      if (!(failure instanceof Refusal) && !this.stopping.signal.aborted) throw failure;
      this.end(this.stopping.signal.aborted ? "Stopped" : failure.message, { failed: failure instanceof Refusal });
    }
  }

  take(event) {
    const frame = this.frames[event.image_index];
    if (event.type.endsWith(".partial_image")) {
      frame.preview(event);
      this.tell(`Step ${event.step} of ${event.steps}`);
    } else {
      frame.finish(event, this.open);
      this.tell(`${this.pictures().length} of ${count(this.request.n, "picture")}`);
    }
  }

  tell(text) {
    this.state.replaceChildren(...prose(text));
    speak(text);
  }

  end(text, { failed = false } = {}) {
    this.tell(text);
    this.element.toggleAttribute("data-failed", failed);
    for (const frame of this.frames) if (!frame.opened) frame.remove();
    say(this.act, "Draw again");
    this.act.onclick = () => this.again(this.request);
  }
}

function how({ negative_prompt: negative, steps, guidance_scale: guidance, size }) {
  return [negative && `without “${negative}”`, `${steps} steps`, guidance !== undefined && `guidance ${guidance}`, size]
    .filter(Boolean)
    .join(" · ");
}
