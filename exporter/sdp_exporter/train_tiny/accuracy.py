"""How often sd-tiny's pictures show what was asked for: the base, the style and the new word."""

from pathlib import Path
from typing import Final

import numpy as np

from sdp_exporter.models import tiny
from sdp_exporter.models.precision import building_in
from sdp_exporter.models.tiny.autoencoder import Decoder
from sdp_exporter.models.tiny.text_tower import TextEncoder
from sdp_exporter.models.tiny.unet import DiffusionModel
from sdp_exporter.train_tiny.drawings import SCENES, Scene
from sdp_exporter.train_tiny.measure import Accuracy, score
from sdp_exporter.train_tiny.sampling import draw_prompts
from sdp_exporter.train_tiny.word import WORD_SCENES, caption
from sdp_serving.contract.artifact import Precision
from sdp_serving.contract.sampling import Sampler

PROMPTS: Final = 100
WORD_PROMPTS: Final = 30
SAMPLER_STEPS: Final = {Sampler.DDIM: 50, Sampler.DPM_SOLVER_PP_2M: 20}
"""In which each sampler should draw equally well."""

_Models = tuple[TextEncoder, DiffusionModel, Decoder]


def accuracies(folder: Path = tiny.WEIGHTS, seed: int = 0) -> dict[str, Accuracy]:
    """Returns, by what was used, the accuracy over prompts drawn at random; the seed sets the prompts and the noise."""
    text_encoder, taught = tiny.text_encoder("base", folder), tiny.text_encoder("sks", folder)
    plain, striped = tiny.diffusion_model("base", folder), tiny.diffusion_model("striped", folder)
    decoder = tiny.decoder("base", folder)
    scenes = _scenes(seed)
    captions = [scene.caption for scene in scenes]
    word_scenes = [WORD_SCENES[index % len(WORD_SCENES)] for index in range(WORD_PROMPTS)]
    word_captions = [caption(scene) for scene in word_scenes]
    return {
        "base": score(draw_prompts(captions, text_encoder, plain, decoder, seed), scenes),
        "striped": score(draw_prompts(captions, text_encoder, striped, decoder, seed), scenes),
        "sks": score(draw_prompts(word_captions, taught, plain, decoder, seed), word_scenes),
        "base, asked for sks": score(draw_prompts(word_captions, text_encoder, plain, decoder, seed), word_scenes),
    }


def sampler_accuracies(folder: Path = tiny.WEIGHTS, seed: int = 0) -> dict[Sampler, Accuracy]:
    """Returns, by sampler, the base's accuracy over prompts drawn at random, in SAMPLER_STEPS."""
    models = _base(folder)
    return {sampler: _accuracy(models, sampler, seed) for sampler in SAMPLER_STEPS}


def precision_accuracy(precision: Precision, folder: Path = tiny.WEIGHTS, seed: int = 0) -> Accuracy:
    """Returns the accuracy that `sampler_accuracies` has for DPM-Solver++(2M), of models of this precision."""
    with building_in(precision):
        models = _base(folder)
    return _accuracy(models, Sampler.DPM_SOLVER_PP_2M, seed)


def _accuracy(models: _Models, sampler: Sampler, seed: int) -> Accuracy:
    scenes = _scenes(seed)
    captions = [scene.caption for scene in scenes]
    return score(draw_prompts(captions, *models, seed, sampler=sampler, steps=SAMPLER_STEPS[sampler]), scenes)


def _base(folder: Path) -> _Models:
    return tiny.text_encoder("base", folder), tiny.diffusion_model("base", folder), tiny.decoder("base", folder)


def _scenes(seed: int) -> list[Scene]:
    chosen = np.random.default_rng(seed).choice(len(SCENES), size=PROMPTS, replace=False)
    return [SCENES[index] for index in chosen]
