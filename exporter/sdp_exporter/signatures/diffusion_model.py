"""The diffusion model: contexts to latents, the whole sampling loop included."""

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sdp_exporter.sampling import ddim, loop, noise
from sdp_exporter.signatures.checks import as_declared, for_batch, require, require_positive_batch
from sdp_exporter.signatures.tracing import trace
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR, TOKENS, SignatureName


class DiffusionModel(tf.Module):  # type: ignore[misc]  # TensorFlow has no types.
    """Signatures `serving_default` and `sample` of the diffusion model."""

    def __init__(
        self, model: keras.Model, *, alphas: NDArray[np.float32], width: int, image_size: int, guidance_scale: float
    ) -> None:
        """Wrap a model that predicts noise.

        Args:
            model: latent float32 [batch, h/8, w/8, 4], timestep int32 [batch], context float32 [batch, 77, width] ->
                noise like the latent; built, with its weights.
            alphas: float32 [1000], the cumulative product of (1 - beta) of the schedule that it was trained on.
            width: size of a token's context vector.
            image_size: pixels along one side of an image.
            guidance_scale: that of `serving_default`.
        """
        super().__init__(name="diffusion_model")
        self._variables = [variable.value for variable in model.variables]
        self._alphas = tf.constant(alphas, tf.float32)
        self._guidance_scale = guidance_scale
        self._latent_shape = (image_size // LATENT_FACTOR, image_size // LATENT_FACTOR, LATENT_CHANNELS)
        # One function for the loop's two calls: stored once.
        self._predict_noise = trace(
            model.__call__,
            [
                tf.TensorSpec([None, *self._latent_shape], tf.float32),
                tf.TensorSpec([None], tf.int32),
                tf.TensorSpec([None, TOKENS, width], tf.float32),
            ],
        )
        contexts = [
            tf.TensorSpec([None, TOKENS, width], tf.float32, name=name) for name in ("context", "unconditional_context")
        ]
        counts = [tf.TensorSpec([], tf.int32, name=name) for name in ("num_steps", "batch_size")]
        choices = [tf.TensorSpec([], tf.int64, name="seed"), tf.TensorSpec([], tf.float32, name="guidance_scale")]
        self._sample = trace(self._sample_latent, [*contexts, *counts, *choices])
        self._serving_default = trace(self._sample_with_defaults, [*contexts, *counts])

    def signatures(self) -> dict[SignatureName, tf.types.experimental.ConcreteFunction]:
        """The functions to save, by name."""
        return {SignatureName.DEFAULT: self._serving_default, SignatureName.SAMPLE: self._sample}

    def _sample_with_defaults(
        self, context: tf.Tensor, unconditional_context: tf.Tensor, num_steps: tf.Tensor, batch_size: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """`sample` with a random seed and the model's guidance scale."""
        guidance_scale = tf.constant(self._guidance_scale, tf.float32)
        seed = noise.random_seed()
        outputs: dict[str, tf.Tensor] = self._sample(
            context, unconditional_context, num_steps, batch_size, seed, guidance_scale
        )
        return outputs

    def _sample_latent(
        self,
        context: tf.Tensor,
        unconditional_context: tf.Tensor,
        num_steps: tf.Tensor,
        batch_size: tf.Tensor,
        seed: tf.Tensor,
        guidance_scale: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Sample latents.

        Args:
            context: float32 [batch_size, 77, width], or one row for all images.
            unconditional_context: like `context`.
            num_steps: int32 scalar from 1 to 1000.
            batch_size: int32 scalar, the number of images.
            seed: int64 scalar. Image i of a seed is the same in a batch of any size.
            guidance_scale: float32 scalar.

        Returns:
            `latent`, float32 [batch_size, h/8, w/8, 4].
        """
        possible = require(
            (num_steps >= 1) & (num_steps <= ddim.TRAINING_STEPS),
            f"num_steps is {{}}; it must be from 1 to {ddim.TRAINING_STEPS}",
            num_steps,
        )
        with tf.control_dependencies([possible, require_positive_batch(batch_size)]):
            num_steps, batch_size = tf.identity(num_steps), tf.identity(batch_size)
        # The loop must not start before both contexts are known to fit.
        context = for_batch("context", as_declared("context", context), batch_size)
        unconditional_context = for_batch(
            "unconditional_context", as_declared("unconditional_context", unconditional_context), batch_size
        )
        with tf.control_dependencies([context, unconditional_context]):
            latent = noise.initial_latent(seed, batch_size, self._latent_shape)
        clean = loop.sample(
            self._predict_noise, self._alphas, latent, context, unconditional_context, num_steps, guidance_scale
        )
        return {"latent": clean}
