"""Several images as one. Pure."""

import math

import numpy as np
from numpy.typing import NDArray


def grid(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay images out, row by row, as near to a square as they come; what stays empty is white.

    Args:
        images: uint8 [n, height, width, 3], n at least 1.

    Returns:
        uint8 [rows * height, columns * width, 3].
    """
    count, height, width, channels = images.shape
    columns, rows = places(count)
    cells = np.full((rows * columns, height, width, channels), 255, np.uint8)
    cells[:count] = images
    return (
        cells.reshape(rows, columns, height, width, channels)
        .swapaxes(1, 2)
        .reshape(rows * height, columns * width, channels)
    )


def places(count: int) -> tuple[int, int]:
    """The columns and rows of a grid of so many images."""
    columns = math.ceil(math.sqrt(count))
    return columns, math.ceil(count / columns)
