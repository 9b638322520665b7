"""Prompts to pictures with sd-tiny's models, in one process, as the three servers do it together."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sdp_exporter.models.tiny import NULL_PROMPT
from sdp_exporter.models.tiny.autoencoder import Decoder
from sdp_exporter.models.tiny.text_tower import TextEncoder
from sdp_exporter.models.tiny.unet import DiffusionModel
from sdp_exporter.sampling.loop import sample
from sdp_exporter.sampling.noise import initial_latent
from sdp_exporter.sampling.schedule import alphas_cumprod
from sdp_exporter.train_tiny.captions import tokens
from sdp_exporter.train_tiny.dataset import to_pictures

STEPS = 25
GUIDANCE_SCALE = 3.0
_LATENT_SHAPE = (8, 8, 4)


def draw_prompts(
    prompts: Sequence[str],
    text_encoder: TextEncoder,
    diffusion_model: DiffusionModel,
    decoder: Decoder,
    seed: int,
) -> npt.NDArray[np.uint8]:
    """Returns uint8 [prompts, 64, 64, 3]; the same prompts and seed give the same pictures."""
    contexts = text_encoder(tf.constant(tokens([*prompts, NULL_PROMPT])))
    latent = sample(
        tf.function(diffusion_model),
        tf.constant(alphas_cumprod()),
        initial_latent(tf.constant(seed, tf.int64), tf.constant(len(prompts)), _LATENT_SHAPE),
        contexts[:-1],
        tf.repeat(contexts[-1:], len(prompts), axis=0),
        tf.constant(STEPS),
        tf.constant(GUIDANCE_SCALE),
    )
    return to_pictures(decoder(latent).numpy())
