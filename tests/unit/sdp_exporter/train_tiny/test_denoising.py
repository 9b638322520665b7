import keras
import numpy as np
import pytest
import tensorflow as tf

from sdp_exporter.train_tiny.denoising import Plan, train
from sdp_exporter.train_tiny.latents import BATCH, PROMPTS, Batch
from sdp_exporter.train_tiny.progress import Progress

PLAN = Plan("toy", steps=60, learning_rate=0.1, warm_up=5, average_decay=0.5)


class NoLatents:
    """Latents that are all zero: what is left of a noisy latent is noise, so the right model scales it up."""

    def batch(self, random: np.random.Generator) -> Batch:
        shape = (BATCH, 2, 2, 1)
        return Batch(
            tf.zeros([PROMPTS, 77], tf.int32),
            tf.zeros(shape),
            tf.fill([BATCH], 999),
            tf.constant(random.standard_normal(shape, np.float32)),
        )


@pytest.fixture
def scale() -> keras.Variable:
    return keras.Variable(0.0, name="scale")


@pytest.fixture
def frozen() -> keras.Variable:
    return keras.Variable(1.0, name="frozen")


def test_training_finds_the_model_that_predicts_the_noise(scale: keras.Variable, frozen: keras.Variable) -> None:
    def predict(noisy: tf.Tensor, timestep: tf.Tensor, context: tf.Tensor) -> tf.Tensor:
        return noisy * scale.value * frozen.value

    train(lambda tokens: tf.zeros([PROMPTS, 77, 1]), predict, [scale], NoLatents(), PLAN, 0, Progress())

    assert scale.numpy() == pytest.approx(1.0, abs=0.05)
    assert frozen.numpy() == 1.0
