"""The sampling loop: from noise to a latent, with classifier-free guidance (https://arxiv.org/abs/2207.12598)."""

from collections.abc import Callable

import tensorflow as tf

from sdp_exporter.sampling import ddim

PredictNoise = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
"""latent [batch, h, w, c], timestep int32 [batch], context [batch, tokens, width] -> noise like the latent."""


def sample(
    predict_noise: PredictNoise,
    alphas: tf.Tensor,
    latent: tf.Tensor,
    context: tf.Tensor,
    unconditional_context: tf.Tensor,
    num_steps: tf.Tensor,
    guidance_scale: tf.Tensor,
) -> tf.Tensor:
    """Remove the noise from `latent` in `num_steps` steps.

    Args:
        predict_noise: the diffusion model. It is called twice a step: on processors that is faster than one call on
            both contexts.
        alphas: float32 [1000], the cumulative product of (1 - beta) by timestep.
        latent: float32 [batch, h, w, c], standard normal noise.
        context: float32 [batch, tokens, width], of the prompts.
        unconditional_context: like `context`, of the prompts to move away from.
        num_steps: int32 scalar from 1 to 1000.
        guidance_scale: float32 scalar; 1 follows the prompt alone, more moves further from the unconditional.

    Returns:
        The clean latent, shaped like `latent`.
    """
    timesteps = ddim.timesteps(num_steps)
    # Gathered, not indexed: under XLA the number of steps is no constant to compile for.
    alpha_by_step = tf.gather(alphas, timesteps)
    next_alpha_by_step = tf.concat([[1.0], alpha_by_step[:-1]], axis=0)
    batch_size = tf.shape(latent)[0]

    def visit(index: tf.Tensor, latent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        timestep = tf.fill([batch_size], tf.gather(timesteps, index))
        unconditional = predict_noise(latent, timestep, unconditional_context)
        conditional = predict_noise(latent, timestep, context)
        noise = unconditional + guidance_scale * (conditional - unconditional)
        alpha, next_alpha = tf.gather(alpha_by_step, index), tf.gather(next_alpha_by_step, index)
        return index - 1, ddim.step(latent, noise, alpha, next_alpha)

    _, clean = tf.while_loop(
        lambda index, _: index >= 0,
        visit,
        (num_steps - 1, latent),
        shape_invariants=(tf.TensorShape([]), latent.shape),
        parallel_iterations=1,
    )
    return clean
