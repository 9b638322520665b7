"""Pictures to start from, brought to the size that is drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp_serving.generation.fitting import fitted_image, fitted_mask
from sdp_serving.generation.request import Size
from sdp_serving.generation.start import latent_mask


def test_a_picture_of_the_size_stays_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    assert np.array_equal(fitted_image(picture, Size(24, 16)), picture)


@given(st.integers(1, 60), st.integers(1, 60))
def test_any_picture_comes_to_the_size_with_its_mask(height: int, width: int) -> None:
    picture = np.full((height, width, 3), 7, np.uint8)
    assert np.array_equal(fitted_image(picture, Size(16, 24)), np.full((24, 16, 3), 7))
    assert np.array_equal(fitted_mask(picture[..., 0], Size(16, 24)), np.full((24, 16), 7))


@pytest.mark.parametrize("is_wide", [True, False])
def test_the_middle_is_kept_in_its_proportions(is_wide: bool) -> None:
    wide = np.zeros((16, 64), np.uint8)
    wide[:, 24:40] = 255
    mask = wide if is_wide else wide.T
    assert np.array_equal(fitted_mask(mask, Size(16, 16)), np.full((16, 16), 255))
    assert fitted_image(mask[..., np.newaxis].repeat(3, axis=-1), Size(8, 8)).min() > 230


def test_a_cell_is_drawn_anew_as_far_as_any_of_its_pixels_is() -> None:
    mask = np.zeros((16, 24), np.uint8)
    mask[9, 2] = 255
    mask[0, 16:] = 51
    assert np.array_equal(latent_mask(mask)[0, :, :, 0], np.array([[0, 0, 0.2], [1, 0, 0]], np.float32))
    assert latent_mask(mask).dtype == np.float32
