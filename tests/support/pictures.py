"""Pictures that a pipeline draws, and what they show."""

from pathlib import Path
from typing import Any

import numpy as np
from demo.shell import quietly
from PIL import Image

from sdp_exporter.train_tiny.measure import Sight, see

_SIDE = 64


def draw(prompt: str, picture: Path, *options: str) -> list[Sight]:
    """Draw as a user does, always with the same seed; gives what each picture shows."""
    quietly("sdpipeline", "generate", prompt, "--seed=3", "-o", str(picture), *options)
    return sights(picture)


def sights(grid: Path) -> list[Sight]:
    """What each picture of a grid shows."""
    found = pixels(grid)
    rows, columns = found.shape[0] // _SIDE, found.shape[1] // _SIDE
    tiles = found.reshape(rows, _SIDE, columns, _SIDE, 3).swapaxes(1, 2).reshape(-1, _SIDE, _SIDE, 3)
    return [see(tile) for tile in tiles]


def pixels(picture: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The picture's bytes, three for each pixel."""
    with Image.open(picture) as opened:
        return np.asarray(opened.convert("RGB"))
