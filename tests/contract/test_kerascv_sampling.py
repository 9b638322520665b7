"""The exported diffusion model's `sample`, which `serving_default` is too, against KerasCV's own `generate_image`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tests.support import gaussian_model
from tests.support.numpy_sampling import NumpySampling

from sdp_exporter.models.keras_cv import package
from sdp_exporter.sampling import noise
from sdp_exporter.sampling.schedule import alphas_cumprod
from sdp_exporter.signatures.diffusion_model import DiffusionModel
from sdp_serving.contract.signatures import SignatureName

WIDTH, SIZE, SEED, SCALE = 6, 16, 11, 7.5
SHAPE = (SIZE // 8, SIZE // 8, 4)
CONTEXT = np.random.default_rng(0).normal(0.1, 1, [2, 77, WIDTH]).astype(np.float32)
UNCONDITIONAL = np.random.default_rng(1).normal(0, 1, [1, 77, WIDTH]).astype(np.float32)
START = np.asarray(noise.initial(noise.keys(tf.constant(SEED, tf.int64), tf.constant(2)), tf.constant(SHAPE)))
REFERENCE = NumpySampling(alphas_cumprod())


class Network:
    """Predicts the noise in Gaussian data, and a little of the context's mean."""

    variables: Sequence[Any] = ()

    def keys_and_values(self, context: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(context, axis=[1, 2])[:, tf.newaxis, tf.newaxis, tf.newaxis]

    def __call__(self, latent: tf.Tensor, timestep: tf.Tensor, context: tf.Tensor) -> tf.Tensor:
        return gaussian_model.predict(latent, timestep) + context


class KerasCVsNetwork:
    """The same, as KerasCV calls a network; the timestep is not embedded."""

    def predict_on_batch(self, inputs: Any) -> np.ndarray:
        latent, timestep = np.asarray(inputs["latent"]), float(inputs["timestep_embedding"])
        mean = np.asarray(inputs["context"]).mean(axis=(1, 2))[:, np.newaxis, np.newaxis, np.newaxis]
        return np.asarray(gaussian_model.noise(latent, REFERENCE.sigma(timestep)) + mean, np.float32)


class NoDecoder:
    def predict_on_batch(self, latent: Any) -> Any:
        self.latent = np.asarray(latent)
        return self.latent


@pytest.fixture(scope="module")
def sample() -> Callable[[int], np.ndarray]:
    model = DiffusionModel(Network(), alphas=alphas_cumprod(), width=WIDTH, image_size=SIZE, guidance_scale=SCALE)
    function = model.signatures()[SignatureName.SAMPLE]

    def run(num_steps: int) -> np.ndarray:
        answer = function(
            context=tf.constant(CONTEXT),
            unconditional_context=tf.constant(UNCONDITIONAL),
            num_steps=tf.constant(num_steps),
            batch_size=tf.constant(2),
            seed=tf.constant(SEED, tf.int64),
            guidance_scale=tf.constant(SCALE),
        )
        # The module, whose variables the function only refers to, must outlive it.
        return np.asarray(model and answer["latent"])

    return run


@pytest.mark.parametrize("num_steps", [2, 3, 7, 20, 25, 30, 50, 333, 1000])
def test_latents_are_those_of_kerascv(
    num_steps: int, sample: Callable[[int], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = package.modules()["stable_diffusion"]
    monkeypatch.setattr(module.keras.utils, "Progbar", lambda steps: NoProgress())
    drawer: Any = module.StableDiffusionBase()
    drawer._get_timestep_embedding = lambda timestep, batch_size: timestep
    drawer._get_unconditional_context = lambda: UNCONDITIONAL
    drawer._decoder = decoder = NoDecoder()
    monkeypatch.setattr(module.StableDiffusionBase, "diffusion_model", KerasCVsNetwork())

    drawer.generate_image(CONTEXT, batch_size=2, num_steps=num_steps, diffusion_noise=START)

    np.testing.assert_allclose(sample(num_steps), decoder.latent, atol=1e-3)


def test_one_step_is_taken_at_the_last_timestep_where_kerascv_takes_it_at_the_first(
    sample: Callable[[int], np.ndarray],
) -> None:
    network = KerasCVsNetwork()

    def predict(latent: np.ndarray, timestep: float) -> np.ndarray:
        conditional, unconditional = (
            network.predict_on_batch({"latent": latent, "timestep_embedding": timestep, "context": context})
            for context in (CONTEXT, UNCONDITIONAL)
        )
        return np.asarray(unconditional + SCALE * (conditional - unconditional))

    expected = REFERENCE.ddim(predict, START.astype(np.float64), *REFERENCE.levels("linspace", 1))

    np.testing.assert_allclose(sample(1), expected, atol=1e-3)


class NoProgress:
    def update(self, iteration: int) -> None:
        """Print nothing."""
