"""Reads what a picture shows, so that a test can tell whether it is what the prompt asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from sdp_exporter.train_tiny.drawings import (
    BACKGROUNDS,
    COLOURS,
    IMAGE_SIZE,
    RADII,
    WHITE,
    Scene,
    Shape,
    shape_coverage,
)

STRIPED_FROM: Final = 0.1
"""A drawing is striped from this part of white in its shape on; striped drawings have about 0.37, plain ones none."""

# Distances are Euclidean in RGB.
_SAME_COLOUR = 70.0
_FAINT = 40.0
_NEAR_WHITE = 60.0
_FRAME = 2
_ALIKE = 0.75
_CORE_RADIUS = 5.0
_SIZES_PART_AT = (RADII["small"][1] + RADII["large"][0]) / 2


@dataclass(frozen=True)
class Sight:
    """What a picture shows; None is something that the captions have no word for."""

    background: str | None
    colour: str | None
    shape: Shape | None
    size: str | None
    white: float
    """The part of the shape that is white, from 0 to 1."""

    @property
    def striped(self) -> bool:
        """Whether the shape is drawn in the striped style."""
        return self.white >= STRIPED_FROM


@dataclass(frozen=True)
class Accuracy:
    """The parts of the pictures, from 0 to 1, that show what was asked for."""

    background: float
    colour: float
    shape: float
    size: float
    all: float
    """Background, colour and shape, and the size if it was judged, in the same picture."""
    striped: float
    """The part that is striped, asked for or not."""


def score(pictures: npt.NDArray[np.uint8], scenes: Sequence[Scene]) -> Accuracy:
    """Compares pictures, uint8 [n, 64, 64, 3], with the scenes that they should show."""
    sights = [see(picture) for picture in pictures]
    right = np.array(
        [
            (
                sight.background == scene.background,
                sight.colour == scene.colour,
                sight.shape == scene.shape,
                sight.size == scene.size,
            )
            for sight, scene in zip(sights, scenes, strict=True)
        ]
    )
    background, colour, shape, size = right.mean(axis=0)
    striped = np.mean([sight.striped for sight in sights])
    return Accuracy(*map(float, (background, colour, shape, size, right.all(axis=1).mean(), striped)))


def see(picture: npt.NDArray[np.uint8]) -> Sight:
    """Reads one picture, uint8 [64, 64, 3]."""
    pixels = picture.astype(np.float32)
    inside = np.zeros(pixels.shape[:2], bool)
    inside[_FRAME:-_FRAME, _FRAME:-_FRAME] = True
    ground = np.median(pixels[~inside], axis=0)
    background = _nearest(ground, BACKGROUNDS)

    shown = _distance(pixels, ground) > _FAINT
    near_white = _distance(pixels, np.array(WHITE, np.float32)) < _NEAR_WHITE
    # Stripes are left out; their blurred edges count little in a median.
    coloured = _core() & shown & ~near_white
    if not coloured.any():
        return Sight(background, None, None, None, 0.0)
    fill = np.median(pixels[coloured], axis=0)
    object_pixels = (_distance(pixels, fill) < _distance(pixels, ground)) | (near_white & shown)
    shape, radius = _best_template(object_pixels)
    return Sight(
        background=background,
        colour=_nearest(fill, COLOURS),
        shape=shape,
        size=None if shape is None else ("small" if radius < _SIZES_PART_AT else "large"),
        white=float(near_white[object_pixels].mean()),
    )


@lru_cache(maxsize=1)
def _core() -> npt.NDArray[np.bool_]:
    """Returns bool [64, 64], the pixels that every shape covers wherever it was placed."""
    rows, columns = np.indices((IMAGE_SIZE, IMAGE_SIZE)) - (IMAGE_SIZE - 1) / 2
    core: npt.NDArray[np.bool_] = np.hypot(rows, columns) < _CORE_RADIUS
    return core


def _distance(pixels: npt.NDArray[np.float32], colour: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    distance: npt.NDArray[np.float32] = np.linalg.norm(pixels - colour, axis=-1)
    return distance


def _nearest(colour: npt.NDArray[np.float32], palette: dict[str, tuple[int, int, int]]) -> str | None:
    """Returns the palette's nearest colour, or None if even that is another."""
    distances = {name: float(np.linalg.norm(colour - np.array(value))) for name, value in palette.items()}
    nearest = min(distances, key=distances.__getitem__)
    return nearest if distances[nearest] < _SAME_COLOUR else None


def _best_template(object_pixels: npt.NDArray[np.bool_]) -> tuple[Shape | None, float]:
    """Returns the shape, and its radius, whose template overlaps best; no shape if none overlaps well."""
    templates = _templates()
    centred = _centre(object_pixels).ravel().astype(np.float32)
    overlap = templates.masks @ centred
    union = templates.areas + centred.sum() - overlap
    alike = overlap / union
    best = int(alike.argmax())
    shape, radius = templates.labels[best]
    return (shape if alike[best] >= _ALIKE else None), radius


@dataclass(frozen=True)
class _Templates:
    labels: tuple[tuple[Shape, float], ...]
    masks: npt.NDArray[np.float32]
    """float32 [templates, 64 * 64] of 0 and 1."""
    areas: npt.NDArray[np.float32]


@lru_cache(maxsize=1)
def _templates() -> _Templates:
    """Returns each shape at radii around those of the drawings, at and around the centre."""
    labels, masks = [], []
    middle = IMAGE_SIZE / 2
    for shape, radius in product(Shape, np.arange(11.0, 28.5, 0.5)):
        mask = _centre(shape_coverage(shape, radius, middle, middle) >= 0.5)
        for shift in product((-1, 0, 1), repeat=2):
            labels.append((shape, float(radius)))
            masks.append(np.roll(mask, shift, axis=(0, 1)).ravel())
    stacked = np.array(masks, np.float32)
    return _Templates(tuple(labels), stacked, stacked.sum(axis=1))


def _centre(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Moves the centre of gravity of a mask to the middle."""
    centre = np.argwhere(mask).mean(axis=0) if mask.any() else np.full(2, IMAGE_SIZE / 2)
    shift = np.rint(IMAGE_SIZE / 2 - centre).astype(int)
    return np.roll(mask, tuple(shift), axis=(0, 1))
