from dataclasses import replace

import numpy as np
import pytest

from sdp_exporter.train_tiny.drawings import SCENES, Scene, Shape, Style, draw
from sdp_exporter.train_tiny.measure import Accuracy, score, see

RED_CIRCLE = Scene("small", "red", Shape.CIRCLE, "gray")


@pytest.mark.parametrize(("style", "striped"), [(Style.PLAIN, 0.0), (Style.STRIPED, 1.0)])
def test_real_drawings_are_all_right(style: Style, striped: float) -> None:
    random = np.random.default_rng(11)
    pictures = np.stack([draw(scene, random, style) for scene in SCENES])

    assert score(pictures, SCENES) == Accuracy(1, 1, 1, 1, 1, striped)


def test_drawings_with_a_little_noise_are_all_right() -> None:
    random = np.random.default_rng(12)
    pictures = np.stack([draw(scene, random) for scene in SCENES])
    noisy = np.clip(pictures + random.normal(0, 10, pictures.shape), 0, 255).astype(np.uint8)

    assert score(noisy, SCENES).all == 1


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        (replace(RED_CIRCLE, colour="orange"), "colour"),
        (replace(RED_CIRCLE, shape=Shape.SQUARE), "shape"),
        (replace(RED_CIRCLE, background="pink"), "background"),
        (replace(RED_CIRCLE, size="large"), "size"),
    ],
)
def test_one_wrong_thing_is_seen_and_only_that(asked: Scene, wrong: str) -> None:
    found = score(draw(RED_CIRCLE, np.random.default_rng(0))[np.newaxis], [asked])

    assert {name for name in ("background", "colour", "shape", "size") if getattr(found, name) == 0} == {wrong}
    assert found.all == 0


def test_noise_shows_nothing() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)

    sight = see(picture)

    assert (sight.colour, sight.shape, sight.size) == (None, None, None)


def test_an_empty_background_shows_only_itself() -> None:
    sight = see(np.full((64, 64, 3), (45, 85, 215), np.uint8))

    assert (sight.background, sight.colour, sight.shape, sight.size) == ("blue", None, None, None)


def test_a_colour_that_no_caption_names_is_none() -> None:
    picture = draw(RED_CIRCLE, np.random.default_rng(0))
    picture[(picture == (215, 40, 40)).all(axis=-1)] = (0, 250, 250)

    assert see(picture).colour is None


def test_a_shape_that_no_caption_names_is_none() -> None:
    picture = np.full((64, 64, 3), (20, 20, 25), np.uint8)
    picture[28:36, 8:56] = (215, 40, 40)

    sight = see(picture)

    assert sight.colour == "red"
    assert sight.shape is None
