"""DDIM (Song et al. 2021, https://arxiv.org/abs/2010.02502), deterministic: sigma is 0."""

from typing import Final

import tensorflow as tf

TRAINING_STEPS: Final = 1000
"""Steps of the noise schedule that the model was trained on: timesteps are 0 (little noise) to 999 (only noise)."""


def timesteps(num_steps: tf.Tensor) -> tf.Tensor:
    """The timesteps to visit, evenly spread over 0..999 and including both ends.

    As KerasCV since 0.9 (`StableDiffusionBase.generate_image`): round(i * 999 / (num_steps - 1)), in float64 and
    rounding halves to even. It differs for one step: KerasCV takes it at timestep 0, where the model expects a nearly
    clean latent and leaves the noise in; here it is taken at 999, which is what the initial latent is.

    Args:
        num_steps: int32 scalar from 1 to 1000.

    Returns:
        int32 [num_steps], strictly growing; the sampler visits them from the last to the first.
    """
    last = TRAINING_STEPS - 1
    spacing = tf.cast(last, tf.float64) / tf.cast(tf.maximum(num_steps - 1, 1), tf.float64)
    spread = tf.cast(tf.round(tf.cast(tf.range(num_steps), tf.float64) * spacing), tf.int32)
    return tf.where(num_steps == 1, last, spread)


def step(latent: tf.Tensor, noise: tf.Tensor, alpha: tf.Tensor, next_alpha: tf.Tensor) -> tf.Tensor:
    """One step towards less noise: equation 12 of the paper with sigma 0.

    Args:
        latent: float32 [batch, h, w, c], the noisy latent.
        noise: float32 like `latent`, the model's prediction of the noise in it.
        alpha: float32 scalar, the cumulative product of (1 - beta) at the latent's timestep (the paper's alpha).
        next_alpha: float32 scalar, the same at the timestep to go to; 1 for the clean latent.

    Returns:
        The latent at the next timestep, shaped like `latent`.
    """
    clean = (latent - tf.sqrt(1.0 - alpha) * noise) / tf.sqrt(alpha)
    return tf.sqrt(next_alpha) * clean + tf.sqrt(1.0 - next_alpha) * noise
