"""The drawings as arrays to train on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdp_exporter.train_tiny.drawings import Scene, Style, draw


@dataclass(frozen=True)
class Drawings:
    """Pictures of scenes, the same number of each."""

    scenes: tuple[Scene, ...]
    pictures: npt.NDArray[np.uint8]
    """uint8 [scenes * copies, 64, 64, 3]; the copies of a scene stand together."""


def draw_all(scenes: Sequence[Scene], copies: int, style: Style, random: np.random.Generator) -> Drawings:
    """Draws every scene `copies` times."""
    pictures = [draw(scene, random, style) for scene in scenes for _ in range(copies)]
    return Drawings(tuple(scenes), np.stack(pictures))


def to_model(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Maps uint8 pictures to the autoencoder's float32 in [-1, 1]."""
    return pictures.astype(np.float32) / 127.5 - 1


def to_pictures(images: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Maps the decoder's float32 in [-1, 1] to uint8 pictures."""
    scaled: npt.NDArray[np.float32] = np.rint(np.clip(images + 1, 0, 2) * 127.5)
    return scaled.astype(np.uint8)
