"""Batches of captioned, noised latents."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import tensorflow as tf

from sdp_exporter.models.tiny import NULL_PROMPT
from sdp_exporter.models.tiny.autoencoder import Encoder
from sdp_exporter.sampling.schedule import TRAINING_STEPS
from sdp_exporter.train_tiny.captions import tokens
from sdp_exporter.train_tiny.dataset import Drawings, to_model
from sdp_exporter.train_tiny.drawings import Scene

PROMPTS: Final = 16
PICTURES_A_PROMPT: Final = 2
BATCH: Final = PROMPTS * PICTURES_A_PROMPT
NULL_PART: Final = 0.1
SIZELESS_PART: Final = 0.15

_ENCODING_BATCH = 256


class Batch(NamedTuple):
    """What one step sees."""

    tokens: tf.Tensor
    """int32 [16, 77]: a prompt for each two latents."""
    latent: tf.Tensor
    """float32 [32, 8, 8, 4]."""
    timestep: tf.Tensor
    """int32 [32]."""
    noise: tf.Tensor
    """float32 like `latent`."""


class Latents:
    """The latents of drawings, of which batches are drawn at random."""

    def __init__(
        self,
        encoder: Encoder,
        drawings: Drawings,
        caption: Callable[[Scene], str] = lambda scene: scene.caption,
        sizeless_caption: Callable[[Scene], str] = lambda scene: scene.sizeless_caption,
    ) -> None:
        """Encodes the drawings; a batch has each scene under its caption, without its size or without any words."""
        pictures = np.array_split(drawings.pictures, max(1, len(drawings.pictures) // _ENCODING_BATCH))
        latents = np.concatenate([encoder(to_model(some)).numpy() for some in pictures])
        self._latents = latents.reshape(len(drawings.scenes), -1, *latents.shape[1:])
        wordings: Sequence[Callable[[Scene], str]] = (caption, sizeless_caption, lambda _: NULL_PROMPT)
        self._tokens = np.stack([tokens(map(wording, drawings.scenes)) for wording in wordings])

    def batch(self, random: np.random.Generator) -> Batch:
        """Draws prompts, two pictures of each, and for every picture noise and a timestep."""
        scenes = random.integers(self._latents.shape[0], size=PROMPTS)
        copies = random.integers(self._latents.shape[1], size=(PROMPTS, PICTURES_A_PROMPT))
        latent = self._latents[scenes[:, np.newaxis], copies].reshape(BATCH, *self._latents.shape[2:])
        wordings = random.choice(3, p=[1 - NULL_PART - SIZELESS_PART, SIZELESS_PART, NULL_PART], size=PROMPTS)
        # Stratified: each batch holds timesteps from everywhere, which makes its loss less noisy.
        timestep = (random.permutation(BATCH) + random.random(BATCH)) * TRAINING_STEPS / BATCH
        return Batch(
            tf.constant(self._tokens[wordings, scenes]),
            tf.constant(latent),
            tf.constant(timestep.astype(np.int32)),
            tf.constant(random.standard_normal(latent.shape, np.float32)),
        )
