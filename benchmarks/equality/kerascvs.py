"""KerasCV's own networks and its own `generate_image`, as a process: writes weights, then answers."""

import contextlib
import io
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks.equality import questions
from benchmarks.equality.questions import GUIDANCE_SCALE, NEGATIVE_PROMPT, PROMPT, SEED, SIDE
from sdp_exporter.models.keras_cv import package
from sdp_exporter.sampling import noise
from sdp_exporter.sampling.schedule import alphas_cumprod
from sdp_serving.contract import vocabulary
from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR, TOKENS
from sdp_serving.contract.versions import StableDiffusionVersion

_FIRST_VERSION_WIDTH: Final = 768


class _Remembering:
    """A decoder that keeps what it was given."""

    def __init__(self, decoder: keras.Model) -> None:
        self._decoder = decoder
        self.latent: Any = None

    def predict_on_batch(self, latent: Any) -> Any:
        self.latent = latent
        return self._decoder.predict_on_batch(latent)


def main() -> None:
    """Read the job from the command line: see `__main__.py`."""
    job = json.loads(sys.argv[1])
    folder = Path(job["folder"])
    # KerasCV prints its licence and a progress bar.
    with contextlib.redirect_stdout(io.StringIO()):
        networks = _networks(StableDiffusionVersion(job["version"]))
        for component, network in networks.items():
            network.save_weights(questions.weights(folder, component))
        _answer(networks, folder, job["steps"])


def _networks(version: StableDiffusionVersion) -> dict[Component, keras.Model]:
    modules = package.modules()
    suffix = "" if version.width == _FIRST_VERSION_WIDTH else "V2"
    keras.utils.set_random_seed(SEED)
    text_encoder = getattr(modules["text_encoder"], f"TextEncoder{suffix}")
    unet = getattr(modules["diffusion_model"], f"DiffusionModel{suffix}")
    networks = {
        Component.TEXT_ENCODER: text_encoder(TOKENS, download_weights=False),
        Component.DIFFUSION_MODEL: unet(SIDE, SIDE, TOKENS, download_weights=False),
        Component.DECODER: modules["decoder"].Decoder(SIDE, SIDE, download_weights=False),
        Component.IMAGE_ENCODER: modules["image_encoder"].ImageEncoder(download_weights=False),
    }
    random = np.random.default_rng(SEED)
    for network in networks.values():
        for variable in network.variables:
            # Biases begin as zeros and scales as ones: that two are swapped would not show.
            if len(variable.shape) == 1:
                variable.assign_add(random.normal(0, 0.02, variable.shape))
    return networks


def _answer(networks: dict[Component, keras.Model], folder: Path, steps: Sequence[int]) -> None:
    def keep(what: str, array: Any) -> None:
        np.save(questions.answer(folder, questions.KERASCV, what), np.asarray(array))

    module = package.modules()["stable_diffusion"]
    drawer: Any = module.StableDiffusion(SIDE, SIDE, jit_compile=False)
    drawer._tokenizer = module.SimpleTokenizer(str(vocabulary.FILE))
    drawer._text_encoder = networks[Component.TEXT_ENCODER]
    drawer._diffusion_model = networks[Component.DIFFUSION_MODEL]
    drawer._decoder = remembering = _Remembering(networks[Component.DECODER])
    keep("latent of a picture", networks[Component.IMAGE_ENCODER].predict_on_batch(questions.picture()))
    context, negative = drawer.encode_text(PROMPT), drawer.encode_text(NEGATIVE_PROMPT)
    keep("context", context)
    keep("negative context", negative)
    side = SIDE // LATENT_FACTOR
    keys = noise.keys(tf.constant(SEED, tf.int64), tf.constant(1))
    start = np.asarray(noise.initial(keys, tf.constant([side, side, LATENT_CHANNELS])))
    for number in steps:
        if number == 1:
            latent = _one_step(drawer, start, context, negative)
            pictures = ((networks[Component.DECODER].predict_on_batch(latent) + 1) / 2 * 255).clip(0, 255)
        else:
            pictures = drawer.generate_image(
                context,
                negative_prompt=NEGATIVE_PROMPT,
                num_steps=number,
                unconditional_guidance_scale=GUIDANCE_SCALE,
                diffusion_noise=start,
            )
            latent = remembering.latent
        keep(f"latent of {number} steps", latent)
        keep(f"picture of {number} steps", pictures.astype(np.uint8))


def _one_step(drawer: Any, start: NDArray[np.float32], *contexts: Any) -> NDArray[np.float32]:
    """The sampler in NumPy, where KerasCV is wrong: it takes its only step at timestep 0, from noise of 999."""
    last = len(alphas_cumprod()) - 1
    embedding = drawer._get_timestep_embedding(last, 1)
    conditional, unconditional = (
        np.asarray(
            drawer.diffusion_model.predict_on_batch(
                {"latent": start, "timestep_embedding": embedding, "context": context}
            ),
            np.float64,
        )
        for context in contexts
    )
    predicted = unconditional + GUIDANCE_SCALE * (conditional - unconditional)
    alpha = float(alphas_cumprod()[last])
    return np.asarray((start - math.sqrt(1 - alpha) * predicted) / math.sqrt(alpha), np.float32)


if __name__ == "__main__":
    main()
