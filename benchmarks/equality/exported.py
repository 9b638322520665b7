"""The exported models with the weights that KerasCV wrote, as a process: writes their answers."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.equality import questions
from benchmarks.equality.questions import GUIDANCE_SCALE, NEGATIVE_PROMPT, PROMPT, SEED, SIDE
from sdp_exporter.sources import Saveable, keras_cv
from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.contract.versions import StableDiffusionVersion


def main() -> None:
    """Read the job from the command line: see `__main__.py`."""
    job = json.loads(sys.argv[1])
    folder = Path(job["folder"])
    models = {component: _model(component, job["version"], folder) for component in Component}

    def ask(component: Component, signature: SignatureName, **inputs: Any) -> dict[str, Any]:
        return models[component].signatures()[signature](**inputs)  # type: ignore[no-any-return]

    def keep(what: str, tensor: tf.Tensor) -> None:
        np.save(questions.answer(folder, questions.EXPORTED, what), tensor.numpy())

    encoded = ask(Component.IMAGE_ENCODER, SignatureName.DEFAULT, images=tf.constant(questions.picture()))
    keep("latent of a picture", encoded["latent"])
    contexts = ask(
        Component.TEXT_ENCODER,
        SignatureName.ENCODE_PROMPTS,
        prompts=tf.constant([PROMPT]),
        negative_prompts=tf.constant([NEGATIVE_PROMPT]),
    )
    keep("context", contexts["context"])
    keep("negative context", contexts["unconditional_context"])
    for number in job["steps"]:
        # `serving_default` is this with a seed and a guidance scale of its own.
        latent = ask(
            Component.DIFFUSION_MODEL,
            SignatureName.SAMPLE,
            context=contexts["context"],
            unconditional_context=contexts["unconditional_context"],
            num_steps=tf.constant(number),
            batch_size=tf.constant(1),
            seed=tf.constant(SEED, tf.int64),
            guidance_scale=tf.constant(GUIDANCE_SCALE),
        )["latent"]
        keep(f"latent of {number} steps", latent)
        keep(f"picture of {number} steps", ask(Component.DECODER, SignatureName.DEFAULT, latent=latent)["images"])


def _model(component: Component, version: str, folder: Path) -> Saveable:
    weights = questions.weights(folder, component)
    (source,) = keras_cv.sources(
        StableDiffusionVersion(version),
        str(weights),
        [component],
        downloads=folder,
        options=keras_cv.Options(image_size=SIDE),
    )
    return source.build()


if __name__ == "__main__":
    main()
