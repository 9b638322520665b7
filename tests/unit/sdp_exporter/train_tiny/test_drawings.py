import numpy as np
import pytest

from sdp_exporter.train_tiny.drawings import BACKGROUNDS, COLOURS, SCENES, WHITE, Scene, Shape, Style, draw

RED_STAR = Scene("large", "red", Shape.STAR, "black")


def test_the_caption_names_all_that_is_drawn() -> None:
    assert RED_STAR.caption == "a large red star on a black background"
    assert RED_STAR.sizeless_caption == "a red star on a black background"


def test_no_scene_hides_its_shape_in_a_background_of_its_colour() -> None:
    assert len(SCENES) == len(set(SCENES)) == 2 * (6 * 5 - 2) * 4
    assert all(scene.colour != scene.background for scene in SCENES)


@pytest.mark.parametrize("style", Style)
def test_the_same_seed_draws_the_same_picture(style: Style) -> None:
    first, second = (draw(RED_STAR, np.random.default_rng(7), style) for _ in range(2))

    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, second)


def test_another_seed_places_the_shape_elsewhere() -> None:
    first, second = (draw(RED_STAR, np.random.default_rng(seed)) for seed in (1, 2))

    assert (first != second).any()


def test_a_plain_shape_is_filled_with_its_colour_alone() -> None:
    picture = draw(RED_STAR, np.random.default_rng(0))

    np.testing.assert_array_equal(picture[32, 32], COLOURS["red"])
    np.testing.assert_array_equal(picture[0, 0], BACKGROUNDS["black"])
    assert not (picture == WHITE).all(axis=-1).any()


def test_a_striped_shape_is_partly_white_on_the_same_background() -> None:
    plain = draw(RED_STAR, np.random.default_rng(0))
    striped = draw(RED_STAR, np.random.default_rng(0), Style.STRIPED)

    changed = (plain != striped).any(axis=-1)
    background = (plain == BACKGROUNDS["black"]).all(axis=-1)
    assert (striped[32, 24:40] == WHITE).all(axis=-1).any()
    assert changed.any()
    assert not (changed & background).any()


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.caption)
def test_no_shape_touches_the_edge(scene: Scene) -> None:
    picture = draw(scene, np.random.default_rng(5))

    ground = BACKGROUNDS[scene.background]
    for edge in (picture[:2], picture[-2:], picture[:, :2], picture[:, -2:]):
        assert (edge == ground).all()
