"""First stage: the encoder and the decoder, trained together on drawings of every style."""

import numpy as np
import tensorflow as tf
from keras import optimizers

from sdp_exporter.models.tiny.autoencoder import Decoder, Encoder
from sdp_exporter.train_tiny.dataset import draw_all
from sdp_exporter.train_tiny.drawings import SCENES, Style
from sdp_exporter.train_tiny.progress import Progress

STEPS = 3000
BATCH = 16
COPIES = 16
# Noise on the latents makes the decoder forgiving of what the sampler leaves, which is never quite a real latent.
LATENT_NOISE = 0.1
UNIT_LATENTS_WEIGHT = 0.01


def train(encoder: Encoder, decoder: Decoder, seed: int, progress: Progress) -> None:
    """Trains both models in place.

    The loss is mean square + half the mean absolute error, and a pull of the latents to zero mean and unit variance, so
    that the sampler's noise of unit variance fits them unscaled.
    """
    random = np.random.default_rng(seed)
    pictures = tf.constant(np.concatenate([draw_all(SCENES, COPIES, style, random).pictures for style in Style]))
    variables = encoder.trainable_variables + decoder.trainable_variables
    optimizer = optimizers.Adam(
        optimizers.schedules.CosineDecay(0.0, STEPS, alpha=0.01, warmup_target=2e-3, warmup_steps=100),
        global_clipnorm=1.0,
    )
    optimizer.build(variables)

    def step(chosen: tf.Tensor, noise_seed: tf.Tensor) -> tf.Tensor:
        images = tf.cast(tf.gather(pictures, chosen), tf.float32) / 127.5 - 1
        with tf.GradientTape() as tape:
            latent = encoder(images)
            noise = tf.random.stateless_normal(tf.shape(latent), noise_seed) * LATENT_NOISE
            error = decoder(latent + noise) - images
            mean, variance = tf.nn.moments(latent, [0, 1, 2])
            unit = tf.reduce_mean(mean**2 + (variance - 1) ** 2)
            loss = tf.reduce_mean(error**2) + 0.5 * tf.reduce_mean(tf.abs(error)) + UNIT_LATENTS_WEIGHT * unit
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    # Not under XLA, whose convolutions at these sizes are slower than oneDNN's.
    compiled = tf.function(step)
    for index in progress.steps("autoencoder", STEPS):
        chosen = random.integers(len(pictures), size=BATCH)
        progress.loss(compiled(tf.constant(chosen), tf.constant([seed, index])))
