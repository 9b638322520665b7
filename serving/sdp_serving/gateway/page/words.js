// How things are called and written on the page.

const COMPONENTS = {
  "text-encoder": "Text encoder",
  "diffusion-model": "Diffusion model",
  decoder: "Decoder",
  "image-encoder": "Image encoder",
};

/** A component's name for people. */
export function componentName(component) {
  return COMPONENTS[component] ?? component;
}

/**
 * What tells a model from others of its kind: of gs://bucket/sd-tiny/decoder/1700000000000 it is sd-tiny.
 *
 * @param {string} uri of the model; or an image's reference.
 * @param {string} component the model is one.
 */
export function modelName(uri, component) {
  const parts = uri.replace(/^[a-z0-9]+:\/\//, "").split("/").filter(Boolean);
  const telling = parts.filter((part) => part !== component && !/^\d+$/.test(part));
  return telling.at(-1) ?? uri;
}

/** A number of things, in words. */
export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

/** A duration, as exact as one cares. */
export function duration(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** A file's name for a picture. */
export function fileName({ prompt, seed }) {
  const words = prompt.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60).replace(/^-+|-+$/g, "");
  return `${words || "picture"}-${seed}.png`;
}
