"""Training to predict the noise in latents, whatever part of the models it is that learns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from keras import optimizers

from sdp_exporter.sampling.schedule import alphas_cumprod
from sdp_exporter.train_tiny.latents import PICTURES_A_PROMPT, Batch
from sdp_exporter.train_tiny.progress import Progress

PredictNoise = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
"""latent [batch, h, w, c], timestep [batch], context [batch, tokens, width] -> noise like the latent."""


class Batches(Protocol):
    """Something to train on, such as `Latents`."""

    def batch(self, random: np.random.Generator) -> Batch:
        """Draws one batch."""
        ...


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train."""

    stage: str
    steps: int
    learning_rate: float
    """At the end of the warm-up; it falls to 2 % of this along a cosine."""
    warm_up: int
    average_decay: float
    """Of the moving average of the weights, which is what training leaves."""


def train(
    context: Callable[[tf.Tensor], tf.Tensor],
    predict_noise: PredictNoise,
    variables: Sequence[keras.Variable],
    latents: Batches,
    plan: Plan,
    seed: int,
    progress: Progress,
) -> None:
    """Trains `variables` in place.

    Args:
        context: Tokens int32 [prompts, 77] to context float32 [prompts, 77, width].
        predict_noise: The diffusion model.
        variables: What to train, in what `context` uses, in the diffusion model, or in both.
        latents: What to train on.
        plan: How long and how fast.
        seed: Of the batches.
        progress: Shows the steps.
    """
    random = np.random.default_rng(seed)
    alphas = tf.constant(alphas_cumprod())
    average = _Average(variables, plan.average_decay)
    optimizer = _optimizer(plan)
    optimizer.build(variables)

    def step(batch: Batch) -> tf.Tensor:
        alpha = tf.gather(alphas, batch.timestep)[:, tf.newaxis, tf.newaxis, tf.newaxis]
        noisy = tf.sqrt(alpha) * batch.latent + tf.sqrt(1 - alpha) * batch.noise
        with tf.GradientTape() as tape:
            contexts = tf.repeat(context(batch.tokens), PICTURES_A_PROMPT, axis=0)
            predicted = predict_noise(noisy, batch.timestep, contexts)
            loss = tf.reduce_mean((predicted - batch.noise) ** 2)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        # The token table's gradient is sparse, which XLA does not take.
        optimizer.apply([tf.convert_to_tensor(gradient) for gradient in gradients], variables)
        average.update()
        return loss

    compiled = tf.function(step, jit_compile=True)
    for _ in progress.steps(plan.stage, plan.steps):
        progress.loss(compiled(latents.batch(random)))
    average.apply()


def _optimizer(plan: Plan) -> keras.Optimizer:
    learning_rate = optimizers.schedules.CosineDecay(
        0.0, plan.steps - plan.warm_up, alpha=0.02, warmup_target=plan.learning_rate, warmup_steps=plan.warm_up
    )
    return optimizers.AdamW(learning_rate, beta_2=0.99, weight_decay=0.01, global_clipnorm=1.0)


class _Average:
    """An exponential moving average of variables."""

    def __init__(self, variables: Sequence[keras.Variable], decay: float) -> None:
        self._variables = variables
        self._averages = [tf.Variable(variable.value, trainable=False) for variable in variables]
        self._decay = decay

    def update(self) -> None:
        for variable, average in zip(self._variables, self._averages, strict=True):
            average.assign_add((variable.value - average) * (1 - self._decay))

    def apply(self) -> None:
        """Sets the variables to their averages."""
        for variable, average in zip(self._variables, self._averages, strict=True):
            variable.assign(average)
