// What is wrong with the gateway or a component, above all else.

import { get, make, prose } from "./dom.js";
import { componentName } from "./words.js";

let shown = "";

/** Says which components cannot answer, and what to do. */
export function showState({ components }) {
  const away = Object.entries(components).filter(([, { ready }]) => !ready);
  show(
    away.map(([component, { reason, swap }]) =>
      swap && swap.step !== "RolledBack"
        ? `The ${componentName(component).toLowerCase()} is being swapped: drawings wait until the new model serves.`
        : `The ${componentName(component).toLowerCase()} cannot answer (${reason}): see why with \`kubectl get sdpipeline -o wide\`.`,
    ),
  );
}

/** Says why nothing is known. */
export function showFailure(sentence) {
  show([sentence]);
}

function show(sentences) {
  // Written only when it is new: this is read aloud.
  if (sentences.join("\n") === shown) return;
  shown = sentences.join("\n");
  get("notices").replaceChildren(...sentences.map((sentence) => make("p", { className: "notice" }, ...prose(sentence))));
}
