"""How often sd-tiny's pictures show what was asked for: the base, the style and the new word."""

from pathlib import Path
from typing import Final

import numpy as np

from sdp_exporter.models import tiny
from sdp_exporter.train_tiny.drawings import SCENES
from sdp_exporter.train_tiny.measure import Accuracy, score
from sdp_exporter.train_tiny.sampling import draw_prompts
from sdp_exporter.train_tiny.word import WORD_SCENES, caption

PROMPTS: Final = 100
WORD_PROMPTS: Final = 30


def accuracies(folder: Path = tiny.WEIGHTS, seed: int = 0) -> dict[str, Accuracy]:
    """Returns, by what was used, the accuracy over prompts drawn at random; the seed sets the prompts and the noise."""
    text_encoder, taught = tiny.text_encoder("base", folder), tiny.text_encoder("sks", folder)
    plain, striped = tiny.diffusion_model("base", folder), tiny.diffusion_model("striped", folder)
    decoder = tiny.decoder("base", folder)
    chosen = np.random.default_rng(seed).choice(len(SCENES), size=PROMPTS, replace=False)
    scenes = [SCENES[index] for index in chosen]
    captions = [scene.caption for scene in scenes]
    word_scenes = [WORD_SCENES[index % len(WORD_SCENES)] for index in range(WORD_PROMPTS)]
    word_captions = [caption(scene) for scene in word_scenes]
    return {
        "base": score(draw_prompts(captions, text_encoder, plain, decoder, seed), scenes),
        "striped": score(draw_prompts(captions, text_encoder, striped, decoder, seed), scenes),
        "sks": score(draw_prompts(word_captions, taught, plain, decoder, seed), word_scenes),
        "base, asked for sks": score(draw_prompts(word_captions, text_encoder, plain, decoder, seed), word_scenes),
    }
