"""How often sd-tiny's pictures show what was asked for: the base, the style and the new word."""

from pathlib import Path
from typing import Final

import numpy as np

from sdp_exporter.models import tiny
from sdp_exporter.train_tiny import measure
from sdp_exporter.train_tiny.drawings import SCENES
from sdp_exporter.train_tiny.measure import Accuracy
from sdp_exporter.train_tiny.sampling import draw_prompts
from sdp_exporter.train_tiny.word import WORD_SCENES, caption

PROMPTS: Final = 100


def accuracies(folder: Path = tiny.WEIGHTS, prompts: int = PROMPTS, seed: int = 0) -> dict[str, Accuracy]:
    """Returns, by what was used, the accuracy over prompts drawn at random; the seed sets the prompts and the noise."""
    text_encoder, taught = tiny.text_encoder("base", folder), tiny.text_encoder("sks", folder)
    plain, striped = tiny.diffusion_model("base", folder), tiny.diffusion_model("striped", folder)
    decoder = tiny.decoder("base", folder)
    random = np.random.default_rng(seed)
    scenes = [SCENES[index] for index in random.choice(len(SCENES), size=prompts, replace=False)]
    word_scenes = [WORD_SCENES[index % len(WORD_SCENES)] for index in range(prompts)]
    captions = [scene.caption for scene in scenes]
    word_captions = [caption(scene) for scene in word_scenes]
    return {
        "base": measure.score(draw_prompts(captions, text_encoder, plain, decoder, seed), scenes),
        "striped": measure.score(draw_prompts(captions, text_encoder, striped, decoder, seed), scenes),
        "sks": measure.score(draw_prompts(word_captions, taught, plain, decoder, seed), word_scenes),
        "base, asked for sks": measure.score(
            draw_prompts(word_captions, text_encoder, plain, decoder, seed), word_scenes
        ),
        "sks, asked for the rest": measure.score(draw_prompts(captions, taught, plain, decoder, seed), scenes),
    }
