"""Classifier-free guidance (Ho and Salimans 2022, https://arxiv.org/abs/2207.12598)."""

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

Guidance = Literal["separate", "batched"]
"""How the model is asked for its two predictions: in two calls, which is faster on processors, or in one."""

Predict = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""latent [batch, h, w, c], timestep float32 [batch] -> prediction like the latent."""

PredictFor = Callable[[tf.Tensor], Predict]
"""The diffusion model for a context, [batch, tokens, width]: what depends on nothing else is computed here, once."""


def guide(
    predict_for: PredictFor,
    context: tf.Tensor,
    unconditional_context: tf.Tensor,
    scale: tf.Tensor,
    guidance: Guidance,
) -> Predict:
    """Away from what the unconditional context gives, through what the context gives.

    Args:
        predict_for: the diffusion model.
        context: float32 [batch, tokens, width], of the prompts.
        unconditional_context: like `context`, of the prompts to move away from.
        scale: float32 [batch]; 1 follows the prompt alone, more moves further from the unconditional.
        guidance: how to call the model.
    """
    scale = scale[:, tf.newaxis, tf.newaxis, tf.newaxis]
    if guidance == "batched":
        predict_both = predict_for(tf.concat([unconditional_context, context], axis=0))
    else:
        predict_without, predict_with = predict_for(unconditional_context), predict_for(context)

    def predict_guided(latent: tf.Tensor, timestep: tf.Tensor) -> tf.Tensor:
        if guidance == "batched":
            both = predict_both(tf.tile(latent, [2, 1, 1, 1]), tf.tile(timestep, [2]))
            unconditional, conditional = tf.split(both, 2)
        else:
            unconditional, conditional = predict_without(latent, timestep), predict_with(latent, timestep)
        return unconditional + scale * (conditional - unconditional)

    return predict_guided
