// Elements, made and found in one line.

/**
 * Makes an element.
 *
 * @param {string} name its tag.
 * @param {object} properties of the element; those of `data-` and `aria-` are set as attributes.
 * @param {...(Node|string)} children in their order.
 */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-")) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

/** The element with this id. */
export function get(id) {
  return document.getElementById(id);
}

/** Sets a text only when it is another: a screen reader says what changes, and a selection in it stays. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A sentence's text and its commands, which stand between backticks. */
export function prose(sentence) {
  return sentence.split(/`([^`]*)`/).map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

let speaking;

/** Has a screen reader say something, once it has said what it is saying; of several at a time, the last. */
export function speak(text) {
  clearTimeout(speaking);
  speaking = setTimeout(() => say(get("spoken"), text.replaceAll("`", "")), 150);
}
