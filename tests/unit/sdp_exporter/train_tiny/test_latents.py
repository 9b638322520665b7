import numpy as np
import pytest

from sdp_exporter.models import tiny
from sdp_exporter.train_tiny.captions import tokens
from sdp_exporter.train_tiny.dataset import draw_all
from sdp_exporter.train_tiny.drawings import SCENES, Style
from sdp_exporter.train_tiny.latents import BATCH, PICTURES_A_PROMPT, PROMPTS, Latents

SOME_SCENES = SCENES[:3]


@pytest.fixture(scope="module")
def latents() -> Latents:
    return Latents(tiny.image_encoder(), draw_all(SOME_SCENES, 4, Style.PLAIN, np.random.default_rng(0)))


def test_a_batch_has_a_prompt_for_each_two_latents(latents: Latents) -> None:
    batch = latents.batch(np.random.default_rng(0))

    assert batch.tokens.shape == (PROMPTS, 77)
    assert batch.latent.shape == batch.noise.shape == (BATCH, 8, 8, 4)
    assert BATCH == PROMPTS * PICTURES_A_PROMPT


def test_timesteps_lie_in_every_part_of_the_schedule(latents: Latents) -> None:
    timesteps = latents.batch(np.random.default_rng(0)).timestep.numpy()

    assert sorted(timesteps * BATCH // 1000) == list(range(BATCH))


def test_prompts_are_captions_with_and_without_the_size_and_empty_ones(latents: Latents) -> None:
    random = np.random.default_rng(0)
    seen = np.unique(np.concatenate([latents.batch(random).tokens.numpy() for _ in range(30)]), axis=0)

    captions = [caption for scene in SOME_SCENES for caption in (scene.caption, scene.sizeless_caption)]
    np.testing.assert_array_equal(seen, np.unique(tokens(["", *captions]), axis=0))


def test_latents_have_about_unit_variance() -> None:
    every = Latents(tiny.image_encoder(), draw_all(SCENES, 1, Style.PLAIN, np.random.default_rng(0)))

    latent = every.batch(np.random.default_rng(0)).latent.numpy()

    assert 0.7 < latent.std() < 1.3
