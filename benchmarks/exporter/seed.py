"""The seed's serving function, written again from its description: DDIM in a loop of fixed shapes, float32, no XLA."""

from collections.abc import Callable

import tensorflow as tf

from benchmarks.exporter.networks import Network
from sdp_exporter.sampling.schedule import TRAINING_STEPS, alphas_cumprod
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR, TOKENS

_GUIDANCE_SCALE = 7.5
_LONGEST_PERIOD = 10000.0


def serving_function(network: Network, *, width: int, channels: int, size: int) -> Callable[..., tf.Tensor]:
    """context, unconditional_context, num_steps and batch_size -> latent.

    Args:
        network: the diffusion model.
        width: of a token's context vector.
        channels: of an embedded timestep.
        size: of the pictures, in pixels.
    """
    side = size // LATENT_FACTOR
    alphas = tf.constant(alphas_cumprod())
    context = tf.TensorSpec([None, TOKENS, width])
    scalar = tf.TensorSpec([], tf.int32)

    def sample(
        context: tf.Tensor, unconditional_context: tf.Tensor, num_steps: tf.Tensor, batch_size: tf.Tensor
    ) -> tf.Tensor:
        timesteps = tf.range(1, TRAINING_STEPS, TRAINING_STEPS // num_steps)
        visited = tf.gather(alphas, timesteps)
        before = tf.concat([[1.0], visited[:-1]], axis=0)

        def step(index: tf.Tensor, latent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            embedding = tf.repeat(_embed(timesteps[index], channels), batch_size, axis=0)
            shared = {"latent": latent, "timestep_embedding": embedding}
            unconditional = network({**shared, "context": unconditional_context})
            conditional = network({**shared, "context": context})
            noise = unconditional + _GUIDANCE_SCALE * (conditional - unconditional)
            clean = (latent - tf.sqrt(1 - visited[index]) * noise) / tf.sqrt(visited[index])
            following = tf.sqrt(before[index]) * clean + tf.sqrt(1 - before[index]) * noise
            return index - 1, tf.ensure_shape(following, latent.shape)

        latent = tf.ensure_shape(
            tf.random.normal([batch_size, side, side, LATENT_CHANNELS]), [None, side, side, LATENT_CHANNELS]
        )
        _, latent = tf.while_loop(lambda index, _: index >= 0, step, (tf.size(timesteps) - 1, latent))
        return latent

    function: Callable[..., tf.Tensor] = tf.function(
        sample, input_signature=[context, context, scalar, scalar], autograph=False
    )
    return function


def _embed(timestep: tf.Tensor, channels: int) -> tf.Tensor:
    """Cosines, then sines: float32 [1, channels]."""
    half = channels // 2
    frequencies = _LONGEST_PERIOD ** (-tf.range(half, dtype=tf.float32) / half)
    angles = tf.cast(timestep, tf.float32) * frequencies
    return tf.concat([tf.cos(angles), tf.sin(angles)], axis=0)[tf.newaxis]
