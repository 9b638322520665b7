"""The networks that are measured, with random weights: speed does not depend on what they hold."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from benchmarks.exporter.plan import Plan
from sdp_exporter.models.keras_cv import package, unet
from sdp_exporter.models.keras_cv.anatomy import V1
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR, TOKENS

Network = Callable[[dict[str, tf.Tensor]], tf.Tensor]
"""KerasCV's way to call a diffusion model: `latent`, `timestep_embedding` and `context` in a dictionary."""


class Uncached:
    """A diffusion model that computes keys and values in every step, for the sampling loop."""

    def __init__(self, model: keras.Model) -> None:
        self.variables = model.variables
        self._model = model

    def keys_and_values(self, context: tf.Tensor) -> tf.Tensor:
        """The context itself."""
        return context

    def __call__(self, latent: tf.Tensor, timestep: tf.Tensor, context: tf.Tensor) -> tf.Tensor:
        """The prediction."""
        return self._model(latent, timestep, context)


class _Embedded(keras.Model):  # type: ignore[misc]  # Keras has no types.
    """The project's network, called as KerasCV's is; the timestep's embedding is computed anew."""

    def __init__(self, network: unet.DiffusionModel) -> None:
        super().__init__(name="embedded")
        self._network = network

    def call(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return self._network(inputs["latent"], inputs["timestep_embedding"][:, 0], inputs["context"])


def kerascvs(plan: Plan, size: int) -> keras.Model:
    """KerasCV's diffusion model, which there is at full size only; else the project's, called like it."""
    if plan.unet == V1.unet:
        module = package.modules()["diffusion_model"]
        return module.DiffusionModel(size, size, TOKENS, download_weights=False)
    model = _Embedded(unet.DiffusionModel(plan.unet))
    model(example(plan, size))
    return model


def example(plan: Plan, size: int) -> dict[str, tf.Tensor]:
    """Inputs of KerasCV's diffusion model, for one picture."""
    side = size // LATENT_FACTOR
    return {
        "latent": tf.zeros([1, side, side, LATENT_CHANNELS]),
        "timestep_embedding": tf.zeros([1, plan.unet.channels[0]]),
        "context": tf.zeros([1, TOKENS, plan.unet.width]),
    }


def operations(plan: Plan, size: int) -> float:
    """Floating point operations of one call for one picture, as TensorFlow's profiler counts them."""
    network = kerascvs(plan, size)
    traced = tf.function(network, autograph=False).get_concrete_function(example(plan, size))
    profiler: Any = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output()
    return float(profiler.profile(traced.graph, options=options.build()).total_float_ops)
