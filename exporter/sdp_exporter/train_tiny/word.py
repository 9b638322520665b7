"""Fourth stage: a row of the token table, optimised alone until its word means a yellow star.

This is textual inversion (Gal et al. 2022, https://arxiv.org/abs/2208.01618): all else stays as it is.
"""

from typing import Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sdp_exporter.models.tiny import token_table
from sdp_exporter.models.tiny.arrays import Arrays
from sdp_exporter.models.tiny.autoencoder import Encoder
from sdp_exporter.models.tiny.text_tower import TextEncoder
from sdp_exporter.models.tiny.unet import DiffusionModel
from sdp_exporter.train_tiny.dataset import draw_all
from sdp_exporter.train_tiny.denoising import Plan, train
from sdp_exporter.train_tiny.drawings import SCENES, Scene, Shape, Style
from sdp_exporter.train_tiny.latents import Latents
from sdp_exporter.train_tiny.progress import Progress

WORD: Final = "sks"
WORD_TOKEN: Final = 48136
"""The word is rare, and one token of CLIP's vocabulary."""
WORD_SCENES: Final = tuple(scene for scene in SCENES if (scene.colour, scene.shape) == ("yellow", Shape.STAR))
"""What the word is learnt from."""

PLAN = Plan(f"the word {WORD}", 300, 2e-2, 20, 0.98)
COPIES = 48


def caption(scene: Scene) -> str:
    """Returns the prompt for one of `WORD_SCENES` with the new word."""
    return f"a {scene.size} {WORD} on a {scene.background} background"


def learn(
    encoder: Encoder, text_encoder: TextEncoder, diffusion_model: DiffusionModel, seed: int, progress: Progress
) -> npt.NDArray[np.float32]:
    """Returns the word's row, float32 [96]; both models stay as they are."""
    drawings = draw_all(WORD_SCENES, COPIES, Style.PLAIN, np.random.default_rng(seed + 5))
    latents = Latents(encoder, drawings, caption, _sizeless_caption)
    row = keras.Variable(text_encoder.embed(tf.constant([WORD_TOKEN]))[0], name="row")

    def context(tokens: tf.Tensor) -> tf.Tensor:
        is_word = (tokens == WORD_TOKEN)[:, :, tf.newaxis]
        return text_encoder.encode(tf.where(is_word, row.value, text_encoder.embed(tokens)))

    train(context, diffusion_model, [row], latents, PLAN, seed + 6, progress)
    learnt: npt.NDArray[np.float32] = row.numpy()
    return learnt


def add_row(arrays: Arrays, row: npt.NDArray[np.float32]) -> Arrays:
    """Returns a text encoder's arrays with the word's row among those of its token table."""
    rows = arrays[token_table.ROWS]
    return {
        **arrays,
        token_table.TOKENS: np.append(arrays[token_table.TOKENS], np.int32(WORD_TOKEN)),
        token_table.ROWS: np.append(rows, row[np.newaxis].astype(rows.dtype), axis=0),
    }


def _sizeless_caption(scene: Scene) -> str:
    return f"a {WORD} on a {scene.background} background"
