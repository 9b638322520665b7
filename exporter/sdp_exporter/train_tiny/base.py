"""Second stage: the text encoder and the UNet, together and from nothing."""

import numpy as np
import tensorflow as tf

from sdp_exporter.models.tiny import fresh, token_table
from sdp_exporter.models.tiny.arrays import Arrays, collect
from sdp_exporter.models.tiny.autoencoder import Encoder
from sdp_exporter.models.tiny.text_tower import VOCABULARY
from sdp_exporter.train_tiny.captions import known_tokens
from sdp_exporter.train_tiny.dataset import draw_all
from sdp_exporter.train_tiny.denoising import Plan, train
from sdp_exporter.train_tiny.drawings import SCENES, Style
from sdp_exporter.train_tiny.latents import Latents
from sdp_exporter.train_tiny.progress import Progress

PLAN = Plan("text encoder and diffusion model", 5000, 1.2e-3, 150, 0.999)
COPIES = 48


def train_base(encoder: Encoder, seed: int, progress: Progress) -> tuple[Arrays, Arrays]:
    """Returns the weights of the text encoder, with the rows of the known tokens only, and of the diffusion model."""
    drawings = draw_all(SCENES, COPIES, Style.PLAIN, np.random.default_rng(seed + 1))
    known = known_tokens()
    text_encoder, diffusion_model = fresh.text_encoder(vocabulary=len(known)), fresh.diffusion_model()
    row_of_token = tf.constant(np.searchsorted(known, np.arange(VOCABULARY)), tf.int32)

    def context(tokens: tf.Tensor) -> tf.Tensor:
        return text_encoder(tf.gather(row_of_token, tokens))

    variables = text_encoder.trainable_variables + diffusion_model.trainable_variables
    train(context, diffusion_model, variables, Latents(encoder, drawings), PLAN, seed + 2, progress)
    return {**collect(text_encoder), token_table.TOKENS: known}, collect(diffusion_model)
