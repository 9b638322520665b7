"""The model in its sampling loop, traced once for all signatures."""

from collections.abc import Sequence
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sdp_exporter.sampling import noise
from sdp_exporter.sampling.guidance import Guidance, Predict, guide
from sdp_exporter.sampling.loop import denoise
from sdp_exporter.sampling.schedule import log_sigmas
from sdp_exporter.sampling.steps import Prediction, plan, start
from sdp_exporter.signatures.pictures import Pictures
from sdp_exporter.signatures.tracing import trace
from sdp_serving.contract.signatures import LATENT_CHANNELS, TOKENS


class NoiseModel(Protocol):
    """Predicts what is in a latent."""

    variables: Sequence[keras.Variable]

    def keys_and_values(self, context: tf.Tensor) -> Any:
        """What depends on the context, float32 [batch, 77, width], alone: tensors, in lists or tuples."""
        ...

    def __call__(self, latent: tf.Tensor, timestep: tf.Tensor, context: Any) -> tf.Tensor:
        """The prediction, like the latent.

        Args:
            latent: float32 [batch, h/8, w/8, 4].
            timestep: float32 [batch] from 0 to 999, under some schedules between two of the training's.
            context: `keys_and_values` of the context.
        """
        ...


class Denoiser(tf.Module):  # type: ignore[misc]  # TensorFlow has no types.
    """A diffusion model that draws pictures.

    The methods take inputs that were checked, and latents of any size that the model takes.
    """

    def __init__(
        self,
        model: NoiseModel,
        *,
        alphas: NDArray[np.float32],
        width: int,
        side: int | None,
        prediction: Prediction,
        guidance: Guidance,
        jit_compile: bool,
    ) -> None:
        """Trace the model and its loop.

        Args:
            model: built, with its weights.
            alphas: float32 [1000], the cumulative product of (1 - beta) of the schedule that it was trained on.
            width: size of a token's context vector.
            side: cells along one side of a latent, None where they are known at run time only.
            prediction: what the model predicts.
            guidance: how to call it for the prompt and for what to move away from.
            jit_compile: whether XLA compiles the model.
        """
        super().__init__(name="denoiser")
        self._variables = [variable.value for variable in model.variables]
        self._table = tf.constant(log_sigmas(alphas))
        self._prediction: Prediction = prediction
        self._guidance: Guidance = guidance
        self._latent = tf.TensorSpec([None, side, side, LATENT_CHANNELS], tf.float32)
        context = tf.TensorSpec([None, TOKENS, width], tf.float32)
        numbers = tf.TensorSpec([None], tf.int32)
        pictures = Pictures(
            context=context,
            unconditional_context=context,
            keys=tf.TensorSpec([None, 2], tf.int64),
            schedule=numbers,
            sampler=numbers,
            num_steps=numbers,
            guidance_scale=tf.TensorSpec([None], tf.float32),
        )
        any_latent, mask = (
            tf.TensorSpec([None, None, None, channels], tf.float32) for channels in (LATENT_CHANNELS, 1)
        )
        step = tf.TensorSpec([], tf.int32)
        # One function for the calls of the model, and one for all loops: stored once.
        self._look = trace(model.keys_and_values, [context])
        looked = tf.nest.map_structure(tf.TensorSpec.from_tensor, self._look.structured_outputs)
        self._predict = trace(
            model.__call__, [self._latent, tf.TensorSpec([None], tf.float32), looked], jit_compile=jit_compile
        )
        self._loop = trace(
            lambda *inputs: self._denoise(Pictures(*inputs[: len(pictures)]), *inputs[len(pictures) :]),
            [*pictures, numbers, any_latent, mask, self._latent, self._latent, step, step],
        )

    def start(
        self,
        keys: tf.Tensor,
        schedule: tf.Tensor,
        num_steps: tf.Tensor,
        first: tf.Tensor,
        init_latent: tf.Tensor,
        shape: tf.Tensor,
    ) -> tf.Tensor:
        """The latents, float32 [pictures, *shape], to take the steps from `first` from: noise, or noise over others.

        Args:
            keys: int64 [pictures, 2], of the noise.
            schedule: int32 [pictures], the place in `Schedule`.
            num_steps: int32 [pictures].
            first: int32 [pictures], the steps to start with.
            init_latent: float32 [pictures, *shape], or with sizes of 1.
            shape: int32 [3], of a latent.
        """
        # Nothing starts before all is known to be good.
        with tf.control_dependencies([keys, schedule, num_steps, first, init_latent, shape]):
            shares = start(self._table, schedule=schedule, num_steps=num_steps, first=first)
            signal, spread = (share[:, tf.newaxis, tf.newaxis, tf.newaxis] for share in shares)
            return signal * init_latent + spread * noise.initial(keys, shape)

    def draw(
        self,
        pictures: Pictures,
        shape: tf.Tensor,
        *,
        first: tf.Tensor | None = None,
        init_latent: tf.Tensor | None = None,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The pictures' latents, float32 [pictures, *shape]; all their steps are taken.

        Args:
            pictures: what is asked for.
            shape: int32 [3], of a latent.
            first: int32 [pictures], the steps to start with; None for all steps.
            init_latent: float32 [pictures, *shape], to start from and to keep where the mask is 0; None to start from
                noise alone.
            mask: float32 [pictures, h, w, 1]; None to draw the whole.
        """
        first = tf.zeros_like(pictures.num_steps) if first is None else first
        init_latent = tf.zeros([1, 1, 1, LATENT_CHANNELS]) if init_latent is None else init_latent
        mask = tf.ones([1, 1, 1, 1]) if mask is None else mask
        # Nor before what only the loop needs is.
        with tf.control_dependencies([*pictures, mask]):
            latent = self.start(pictures.keys, pictures.schedule, pictures.num_steps, first, init_latent, shape)
        steps = tf.reduce_max(pictures.num_steps - first)
        latent, _ = self.take_steps(
            pictures, first, init_latent, mask, latent, tf.zeros_like(latent), tf.constant(0), steps
        )
        return latent

    def take_steps(
        self,
        pictures: Pictures,
        first: tf.Tensor,
        init_latent: tf.Tensor,
        mask: tf.Tensor,
        latent: tf.Tensor,
        denoised: tf.Tensor,
        from_step: tf.Tensor,
        to_step: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `sampling.loop.denoise`, with steps counted from `first`."""
        state = (tf.ensure_shape(each, self._latent.shape) for each in (latent, denoised))
        latent, denoised = self._loop(*pictures, first, init_latent, mask, *state, from_step, to_step)
        return latent, denoised

    def _predict_for(self, context: tf.Tensor) -> Predict:
        looked = self._look(context)
        return lambda latent, timestep: self._predict(latent, timestep, looked)

    def _denoise(
        self,
        pictures: Pictures,
        first: tf.Tensor,
        init_latent: tf.Tensor,
        mask: tf.Tensor,
        latent: tf.Tensor,
        denoised: tf.Tensor,
        from_step: tf.Tensor,
        to_step: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        steps = plan(
            self._table,
            self._prediction,
            schedule=pictures.schedule,
            sampler=pictures.sampler,
            num_steps=pictures.num_steps,
            first=first,
        )
        predict = guide(
            self._predict_for,
            pictures.context,
            pictures.unconditional_context,
            pictures.guidance_scale,
            self._guidance,
        )
        return denoise(
            predict,
            steps,
            latent,
            denoised,
            pictures=pictures.keys,
            init_latent=init_latent,
            mask=mask,
            from_step=from_step,
            to_step=to_step,
        )
