"""The diffusion model: contexts to latents, the whole sampling loop included."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sdp_exporter.sampling import noise
from sdp_exporter.sampling.codes import code_of
from sdp_exporter.sampling.guidance import Guidance
from sdp_exporter.sampling.steps import Prediction
from sdp_exporter.signatures.canvas import first_step, latent_shape, valid_latent, valid_mask
from sdp_exporter.signatures.checks import as_declared, for_batch, require, require_positive_batch
from sdp_exporter.signatures.choices import codes
from sdp_exporter.signatures.denoiser import Denoiser, NoiseModel
from sdp_exporter.signatures.pictures import (
    Pictures,
    number_of,
    pictures_of_request,
    pictures_of_rows,
    valid_guidance_scale,
    valid_num_steps,
)
from sdp_exporter.signatures.tracing import trace
from sdp_serving.contract.components import Component
from sdp_serving.contract.exported import exported_signatures
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR, SignatureName

Outputs = dict[str, tf.Tensor]


class DiffusionModel(tf.Module):  # type: ignore[misc]  # TensorFlow has no types.
    """The signatures of the diffusion model: requests in several forms to one loop.

    Each method that starts with an underscore is the signature of its name. Its inputs are the contract's; those that
    are not described there are described in `pictures_of_request`.
    """

    def __init__(
        self,
        model: NoiseModel,
        *,
        alphas: NDArray[np.float32],
        width: int,
        image_size: int,
        guidance_scale: float,
        image_sizes: ImageSizes | None = None,
        prediction: Prediction = "epsilon",
        guidance: Guidance = "separate",
        jit_compile: bool = False,
    ) -> None:
        """Wrap a model that predicts noise.

        Args:
            model: built, with its weights.
            alphas: float32 [1000], the cumulative product of (1 - beta) of the schedule that it was trained on.
            width: size of a token's context vector.
            image_size: pixels along one side of an image, where a request doesn't say it.
            guidance_scale: that of `serving_default`.
            image_sizes: what requests may ask for; None for `image_size` only. With several, the model must take
                latents of a size that is known at run time only.
            prediction: what the model predicts.
            guidance: how to call it for the prompt and for what to move away from.
            jit_compile: whether XLA compiles the model, for every number of pictures and size that it is asked for.
        """
        super().__init__(name="diffusion_model")
        side = image_size // LATENT_FACTOR
        self._guidance_scale = guidance_scale
        self._default_shape = (side, side, LATENT_CHANNELS)
        self._sizes = image_sizes or ImageSizes.only(image_size)
        self._denoiser = Denoiser(
            model,
            alphas=alphas,
            width=width,
            side=None if self._sizes.are_several else side,
            prediction=prediction,
            guidance=guidance,
            jit_compile=jit_compile,
        )
        self._contract = exported_signatures(
            Component.DIFFUSION_MODEL, width=width, image_size=image_size, image_sizes=image_sizes
        )
        functions: dict[SignatureName, Callable[..., Outputs]] = {
            SignatureName.DEFAULT: self._serving_default,
            SignatureName.SAMPLE: self._sample,
            SignatureName.TEXT_TO_IMAGE: self._text_to_image,
            SignatureName.IMAGE_TO_IMAGE: self._image_to_image,
            SignatureName.INPAINT: self._inpaint,
            SignatureName.PREPARE_LATENT: self._prepare_latent,
            SignatureName.DENOISE_RANGE: self._denoise_range,
            SignatureName.SAMPLE_BATCH: self._sample_batch,
        }
        self._traced = {name: self._trace(name, function) for name, function in functions.items()}

    def signatures(self) -> dict[SignatureName, tf.types.experimental.ConcreteFunction]:
        """The functions to save, by name."""
        return dict(self._traced)

    def _trace(self, name: SignatureName, function: Callable[..., Outputs]) -> tf.types.experimental.ConcreteFunction:
        declared = self._contract[name]

        def answer(*values: tf.Tensor) -> Outputs:
            outputs = function(**dict(zip(declared.inputs, values, strict=True)))
            return {each: tf.ensure_shape(tensor, declared.outputs[each].shape) for each, tensor in outputs.items()}

        return trace(
            answer, [tf.TensorSpec(spec.shape, spec.dtype, name=each) for each, spec in declared.inputs.items()]
        )

    def _serving_default(self, *, num_steps: tf.Tensor, batch_size: tf.Tensor, **contexts: tf.Tensor) -> Outputs:
        """`sample` with a random seed and the model's guidance scale."""
        return self._sample(
            num_steps=num_steps,
            batch_size=batch_size,
            seed=noise.random_seed(),
            guidance_scale=tf.constant(self._guidance_scale),
            **contexts,
        )

    def _sample(
        self,
        *,
        context: tf.Tensor,
        unconditional_context: tf.Tensor,
        num_steps: tf.Tensor,
        batch_size: tf.Tensor,
        seed: tf.Tensor,
        guidance_scale: tf.Tensor,
    ) -> Outputs:
        """As KerasCV draws.

        Args:
            context: float32 [batch_size, 77, width], or one row for all images.
            unconditional_context: like `context`.
            num_steps: int32 scalar from 1 to 1000.
            batch_size: int32 scalar, the number of images.
            seed: int64 scalar. Image i of a seed is the same in a batch of any size.
            guidance_scale: float32 scalar.
        """
        with tf.control_dependencies([require_positive_batch(batch_size)]):
            batch_size = tf.identity(batch_size)
        pictures = Pictures(
            context=for_batch("context", as_declared("context", context), batch_size),
            unconditional_context=for_batch(
                "unconditional_context", as_declared("unconditional_context", unconditional_context), batch_size
            ),
            keys=noise.keys(seed, batch_size),
            schedule=tf.fill([batch_size], code_of(Schedule.LINSPACE)),
            sampler=tf.fill([batch_size], code_of(Sampler.DDIM)),
            num_steps=tf.fill([batch_size], valid_num_steps(num_steps)),
            guidance_scale=tf.fill([batch_size], valid_guidance_scale(guidance_scale)),
        )
        return {"latent": self._denoiser.draw(pictures, tf.constant(self._default_shape))}

    def _text_to_image(self, *, height: tf.Tensor, width: tf.Tensor, **request: tf.Tensor) -> Outputs:
        """Draw pictures of int32 scalars `height` and `width` in pixels."""
        pictures = pictures_of_request(**request)
        return {"latent": self._denoiser.draw(pictures, latent_shape(height, width, self._sizes))}

    def _image_to_image(self, *, init_latent: tf.Tensor, strength: tf.Tensor, **request: tf.Tensor) -> Outputs:
        """Draw over pictures.

        Args:
            init_latent: float32 [seeds or 1, h/8, w/8, 4], of those pictures.
            strength: float32 scalar from 0 to 1, the share of the steps to take.
            **request: the rest.
        """
        pictures = pictures_of_request(**request)
        init_latent = self._valid("init_latent", init_latent, request["seeds"])
        first = first_step(pictures.num_steps, strength)
        shape = tf.shape(init_latent)[1:]
        return {"latent": self._denoiser.draw(pictures, shape, first=first, init_latent=init_latent)}

    def _inpaint(
        self, *, init_latent: tf.Tensor, strength: tf.Tensor, mask: tf.Tensor, **request: tf.Tensor
    ) -> Outputs:
        """Draw over parts of pictures.

        Args:
            init_latent: as of `image_to_image`.
            strength: as of `image_to_image`.
            mask: float32 [seeds or 1, h/8, w/8, 1] from 0 (keep) to 1 (draw anew).
            **request: the rest.
        """
        pictures = pictures_of_request(**request)
        init_latent = self._valid("init_latent", init_latent, request["seeds"])
        first = first_step(pictures.num_steps, strength)
        shape = tf.shape(init_latent)[1:]
        mask = valid_mask(mask, init_latent)
        return {"latent": self._denoiser.draw(pictures, shape, first=first, init_latent=init_latent, mask=mask)}

    def _prepare_latent(
        self,
        *,
        seeds: tf.Tensor,
        num_steps: tf.Tensor,
        schedule: tf.Tensor,
        init_latent: tf.Tensor,
        strength: tf.Tensor,
    ) -> Outputs:
        """What the other signatures start from: noise where `strength` is 1, else `init_latent` with noise over it."""
        count = number_of(seeds)
        steps = tf.fill([count], valid_num_steps(num_steps))
        init_latent = self._valid("init_latent", init_latent, seeds)
        latent = self._denoiser.start(
            noise.keys_of_seeds(seeds),
            tf.fill([count], codes("schedule", schedule, Schedule)),
            steps,
            first_step(steps, strength),
            init_latent,
            tf.shape(init_latent)[1:],
        )
        return {"latent": latent}

    def _denoise_range(
        self,
        *,
        init_latent: tf.Tensor,
        strength: tf.Tensor,
        mask: tf.Tensor,
        latent: tf.Tensor,
        denoised: tf.Tensor,
        from_step: tf.Tensor,
        to_step: tf.Tensor,
        **request: tf.Tensor,
    ) -> Outputs:
        """Take some of the steps that `inpaint` takes.

        Args:
            init_latent: as of `inpaint`.
            strength: as of `inpaint`.
            mask: as of `inpaint`; 1 everywhere to draw the whole.
            latent: float32 [seeds, h/8, w/8, 4], of `prepare_latent` or of the step before.
            denoised: like `latent`, of the step before; any for step 0.
            from_step: int32 scalar, the first step to take; 0 is the first that `strength` lets be taken.
            to_step: int32 scalar, the step before which to stop.
            **request: the rest.

        Returns:
            `latent` to go on from and `denoised`, the model's prediction of the clean latent: a preview.
        """
        pictures = pictures_of_request(**request)
        init_latent = self._valid("init_latent", init_latent, request["seeds"])
        first = first_step(pictures.num_steps, strength)
        mask = valid_mask(mask, init_latent)
        latent = self._valid("latent", latent, request["seeds"])
        denoised = self._valid("denoised", denoised, request["seeds"])
        taken = tf.reduce_max(pictures.num_steps - first)
        in_order = require(
            (from_step >= 0) & (from_step <= to_step) & (to_step <= taken),
            "from_step is {} and to_step {}; they must go up, from 0 to {}, the steps there are to take",
            from_step,
            to_step,
            taken,
        )
        shapes = [tf.shape(each) for each in (latent, denoised, init_latent)]
        of_one_size = require(
            tf.reduce_all(shapes[0] == shapes[2]) & tf.reduce_all(shapes[1] == shapes[2]),
            "latent has the shape {}, denoised {} and init_latent {}: give three of the same picture",
            *shapes,
        )
        with tf.control_dependencies([in_order, of_one_size, *pictures, first, init_latent, mask, latent, denoised]):
            from_step, to_step = tf.identity(from_step), tf.identity(to_step)
        latent, denoised = self._denoiser.take_steps(
            pictures, first, init_latent, mask, latent, denoised, from_step, to_step
        )
        return {"latent": latent, "denoised": denoised}

    def _sample_batch(self, **rows: tf.Tensor) -> Outputs:
        """A picture for each row of every input: see `pictures_of_rows`."""
        return {"latent": self._denoiser.draw(pictures_of_rows(**rows), tf.constant(self._default_shape))}

    def _valid(self, name: str, latent: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        return valid_latent(name, latent, number_of(seeds), self._sizes)
