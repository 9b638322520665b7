"""The sampling loop: from noise to a latent, for several pictures with as many samplers and schedules at once."""

import tensorflow as tf

from sdp_exporter.sampling import noise
from sdp_exporter.sampling.guidance import Predict
from sdp_exporter.sampling.steps import Steps


def denoise(
    predict: Predict,
    steps: Steps,
    latent: tf.Tensor,
    denoised: tf.Tensor,
    *,
    pictures: tf.Tensor,
    init_latent: tf.Tensor,
    mask: tf.Tensor,
    from_step: tf.Tensor,
    to_step: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Take the steps from `from_step` up to, and without, `to_step`.

    Where the mask is 0 a step ends in the initial latent with the noise that belongs there, as in the `inpaint` that
    KerasCV had before 0.9 and in RePaint (Lugmayr et al. 2022, https://arxiv.org/abs/2201.09865, algorithm 1 without
    resampling).

    Args:
        predict: the diffusion model, guided.
        steps: what each step does; one that a picture doesn't have leaves it as it is.
        latent: float32 [batch, h, w, c].
        denoised: like `latent`, the clean latent that was predicted in the step before; any at step 0.
        pictures: int64 [batch, 2], the keys of the pictures' noise.
        init_latent: float32, like `latent` or with sizes of 1: what is kept where the mask is 0.
        mask: float32 [batch, h, w, 1], or with sizes of 1, from 0 (kept) to 1 (drawn anew).
        from_step: int32 scalar.
        to_step: int32 scalar, not above the number of steps.

    Returns:
        `latent` and `denoised` after the last of them.
    """
    shape = tf.shape(latent)
    is_noisy = tf.reduce_any(steps.noise > 0) | tf.reduce_any(mask < 1)

    def visit(index: tf.Tensor, latent: tf.Tensor, denoised: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # Gathered, not indexed: under XLA the number of steps is no constant to compile for.
        timestep = tf.gather(steps.timestep, index)
        step = Steps(*(tf.gather(each, index)[:, tf.newaxis, tf.newaxis, tf.newaxis] for each in steps))
        clean = step.clean_from_latent * latent + step.clean_from_prediction * predict(latent, timestep)
        fresh = tf.cond(
            is_noisy, lambda: noise.of_step(pictures, shape[1:], index), lambda: tf.zeros(shape, tf.float32)
        )
        following = (
            step.latent * latent + step.denoised * clean + step.previous_denoised * denoised + step.noise * fresh
        )
        # The same noise in both: they are of different cells, and where a mask is soft, of one level of noise.
        kept = step.signal * init_latent + step.spread * fresh
        following = mask * following + (1 - mask) * kept
        return index + 1, tf.where(step.active, following, latent), tf.where(step.active, clean, denoised)

    _, latent, denoised = tf.while_loop(
        lambda index, *_: index < to_step,
        visit,
        (from_step, latent, denoised),
        shape_invariants=(tf.TensorShape([]), latent.shape, latent.shape),
        parallel_iterations=1,
    )
    return latent, denoised
