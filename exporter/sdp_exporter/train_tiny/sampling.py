"""Prompts to pictures with sd-tiny's models, in one process, as the three servers do it together."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sdp_exporter.models.tiny import NULL_PROMPT
from sdp_exporter.models.tiny.autoencoder import Decoder
from sdp_exporter.models.tiny.text_tower import TextEncoder
from sdp_exporter.models.tiny.unet import DiffusionModel
from sdp_exporter.sampling import noise
from sdp_exporter.sampling.codes import code_of
from sdp_exporter.sampling.guidance import guide
from sdp_exporter.sampling.loop import denoise
from sdp_exporter.sampling.schedule import alphas_cumprod, log_sigmas
from sdp_exporter.sampling.steps import plan
from sdp_exporter.train_tiny.captions import tokens
from sdp_exporter.train_tiny.dataset import to_pictures
from sdp_serving.contract.sampling import Sampler, Schedule

STEPS = 25
GUIDANCE_SCALE = 3.0
_LATENT_SHAPE = (8, 8, 4)


def draw_prompts(
    prompts: Sequence[str],
    text_encoder: TextEncoder,
    diffusion_model: DiffusionModel,
    decoder: Decoder,
    seed: int,
    *,
    sampler: Sampler = Sampler.DDIM,
    steps: int = STEPS,
) -> npt.NDArray[np.uint8]:
    """Returns uint8 [prompts, 64, 64, 3]; the same prompts and seed give the same pictures."""
    contexts = text_encoder(tf.constant(tokens([*prompts, NULL_PROMPT])))
    for_each = partial(tf.fill, [len(prompts)])
    pictures = noise.keys(tf.constant(seed, tf.int64), tf.constant(len(prompts)))
    latent = noise.initial(pictures, tf.constant(_LATENT_SHAPE))
    predict = tf.function(diffusion_model)
    clean, _ = denoise(
        guide(
            lambda context: partial(predict, context=context),
            contexts[:-1],
            tf.repeat(contexts[-1:], len(prompts), axis=0),
            for_each(GUIDANCE_SCALE),
            "separate",
        ),
        plan(
            tf.constant(log_sigmas(alphas_cumprod())),
            "epsilon",
            schedule=for_each(code_of(Schedule.LINSPACE)),
            sampler=for_each(code_of(sampler)),
            num_steps=for_each(steps),
            first=for_each(0),
        ),
        latent,
        tf.zeros_like(latent),
        pictures=pictures,
        init_latent=tf.zeros([1, 1, 1, 1]),
        mask=tf.ones([1, 1, 1, 1]),
        from_step=tf.constant(0),
        to_step=tf.constant(steps),
    )
    return to_pictures(decoder(clean).numpy())
