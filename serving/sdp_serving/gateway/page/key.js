// The key for a gateway that asks for one: in this tab only.

import { get, prose } from "./dom.js";

const NAME = "sdpipeline-key";

let asking = null;

/** The key, if there is one. */
export function key() {
  return sessionStorage.getItem(NAME);
}

/** Forgets a key that was refused; a newer one stays. */
export function forgetKey(refused) {
  if (key() === refused) sessionStorage.removeItem(NAME);
}

/** Waits for a key, whoever asks and however many do. */
export function askForKey(why) {
  if (key()) return Promise.resolve();
  asking ??= ask(why).finally(() => (asking = null));
  return asking;
}

function ask(why) {
  const dialog = get("key");
  get("key-why").replaceChildren(...prose(why));
  if (!dialog.open) dialog.showModal();
  return new Promise((given) => {
    // There is nothing to do here without one.
    dialog.oncancel = (event) => event.preventDefault();
    get("key-form").onsubmit = () => {
      sessionStorage.setItem(NAME, get("key-value").value.trim());
      get("key-value").value = "";
      given();
    };
  });
}
