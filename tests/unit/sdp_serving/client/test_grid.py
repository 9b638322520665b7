import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sdp_serving.client.grid import grid


@given(count=st.integers(1, 40), height=st.integers(1, 4), width=st.integers(1, 4))
def test_every_image_has_its_place_in_reading_order(count: int, height: int, width: int) -> None:
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, height, width, 3), np.uint8)

    laid = grid(images)

    rows, columns = laid.shape[0] // height, laid.shape[1] // width
    cells = laid[::height, ::width, 0].flatten()
    assert cells.tolist() == [*range(count), *[255] * (rows * columns - count)]


@given(count=st.integers(1, 1000))
def test_the_grid_is_nearly_square_and_has_no_empty_row(count: int) -> None:
    laid = grid(np.zeros((count, 1, 1, 3), np.uint8))

    rows, columns, _ = laid.shape
    assert columns == math.ceil(count**0.5)
    assert 0 <= columns - rows <= 1
    assert (rows - 1) * columns < count <= rows * columns


def test_a_single_image_stays_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 5, 7, 3), np.uint8)
    assert np.array_equal(grid(image), image[0])
