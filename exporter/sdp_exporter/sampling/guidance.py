"""Classifier-free guidance (Ho and Salimans 2022, https://arxiv.org/abs/2207.12598)."""

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

Guidance = Literal["separate", "batched"]
"""How the model is asked for its two predictions: in two calls, which is faster on processors, or in one."""

Predict = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
"""latent [batch, h, w, c], timestep float32 [batch], context [batch, tokens, width] -> prediction like the latent."""

PredictGuided = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""latent [batch, h, w, c], timestep float32 [batch] -> prediction like the latent."""


def guide(
    predict: Predict, context: tf.Tensor, unconditional_context: tf.Tensor, scale: tf.Tensor, guidance: Guidance
) -> PredictGuided:
    """Away from what the unconditional context gives, through what the context gives.

    Args:
        predict: the diffusion model.
        context: float32 [batch, tokens, width], of the prompts.
        unconditional_context: like `context`, of the prompts to move away from.
        scale: float32 [batch]; 1 follows the prompt alone, more moves further from the unconditional.
        guidance: how to call the model.
    """
    scale = scale[:, tf.newaxis, tf.newaxis, tf.newaxis]
    contexts = tf.concat([unconditional_context, context], axis=0) if guidance == "batched" else None

    def predict_guided(latent: tf.Tensor, timestep: tf.Tensor) -> tf.Tensor:
        if contexts is None:
            unconditional = predict(latent, timestep, unconditional_context)
            conditional = predict(latent, timestep, context)
        else:
            both = predict(tf.tile(latent, [2, 1, 1, 1]), tf.tile(timestep, [2]), contexts)
            unconditional, conditional = tf.split(both, 2)
        return unconditional + scale * (conditional - unconditional)

    return predict_guided
