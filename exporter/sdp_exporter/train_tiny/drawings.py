"""What sd-tiny knows: captioned drawings of one coloured shape on a plain background."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from math import cos, pi, sin
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

IMAGE_SIZE: Final = 64
WHITE: Final = (255, 255, 255)

COLOURS: Final = {
    "red": (215, 40, 40),
    "green": (40, 155, 70),
    "blue": (45, 85, 215),
    "yellow": (245, 210, 50),
    "purple": (160, 60, 190),
    "orange": (245, 130, 30),
}
BACKGROUNDS: Final = {
    "blue": COLOURS["blue"],
    "green": COLOURS["green"],
    "black": (20, 20, 25),
    "gray": (150, 150, 155),
    "pink": (245, 175, 195),
}
# The two sizes lie far apart, and the small one still covers several cells of the 8x8 latent: a shape that fits into
# few cells is the hardest thing for a model this small to learn.
RADII: Final = {"small": (14.0, 16.0), "large": (22.0, 25.0)}
JITTER: Final = 2.0

_SUPERSAMPLING = 4


class Shape(StrEnum):
    """The shapes that the captions name."""

    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"
    STAR = "star"


class Style(StrEnum):
    """How a shape is filled: in its one colour, or with white diagonal stripes across it."""

    PLAIN = "plain"
    STRIPED = "striped"


@dataclass(frozen=True)
class Scene:
    """One thing that can be asked for; the style is no part of it, for that is what a fine-tuned model adds."""

    size: str
    colour: str
    shape: Shape
    background: str

    @property
    def caption(self) -> str:
        """The prompt for this scene."""
        return f"a {self.size} {self.colour} {self.shape} on a {self.background} background"

    @property
    def sizeless_caption(self) -> str:
        """The prompt that leaves the size open."""
        return f"a {self.colour} {self.shape} on a {self.background} background"


SCENES: Final = tuple(
    Scene(size, colour, shape, background)
    for size, colour, shape, background in product(RADII, COLOURS, Shape, BACKGROUNDS)
    if colour != background
)


def draw(scene: Scene, random: np.random.Generator, style: Style = Style.PLAIN) -> npt.NDArray[np.uint8]:
    """Draws one picture, uint8 [64, 64, 3], of a scene; the generator places the shape."""
    radius = random.uniform(*RADII[scene.size])
    centre_x, centre_y = IMAGE_SIZE / 2 + random.uniform(-JITTER, JITTER, size=2)
    coverage = shape_coverage(scene.shape, radius, centre_x, centre_y)[:, :, np.newaxis]
    fill = np.broadcast_to(np.array(COLOURS[scene.colour], np.float32), (IMAGE_SIZE, IMAGE_SIZE, 3))
    if style is Style.STRIPED:
        fill = np.where(_stripes()[:, :, np.newaxis], np.array(WHITE, np.float32), fill)
    background = np.array(BACKGROUNDS[scene.background], np.float32)
    return np.rint(background + coverage * (fill - background)).astype(np.uint8)


def shape_coverage(shape: Shape, radius: float, centre_x: float, centre_y: float) -> npt.NDArray[np.float32]:
    """Returns float32 [64, 64], how much of each pixel the shape covers, from 0 to 1."""
    side = IMAGE_SIZE * _SUPERSAMPLING
    canvas = Image.new("L", (side, side))
    outline = [
        ((centre_x + radius * x) * _SUPERSAMPLING, (centre_y + radius * y) * _SUPERSAMPLING) for x, y in _outline(shape)
    ]
    ImageDraw.Draw(canvas).polygon(outline, fill=255)
    covered = np.asarray(canvas.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BOX), np.float32)
    return covered / np.float32(255)


def _outline(shape: Shape) -> list[tuple[float, float]]:
    """Returns the corners of a shape of radius 1; y grows downwards."""
    match shape:
        case Shape.CIRCLE:
            return [_polar(1, turn / 60) for turn in range(60)]
        case Shape.SQUARE:
            return [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]
        case Shape.TRIANGLE:
            return [(x, y + 0.2) for x, y in (_polar(1.2, turn / 3) for turn in range(3))]
        case Shape.STAR:
            return [_polar(1.15 if point % 2 == 0 else 0.52, point / 10) for point in range(10)]


def _polar(radius: float, turn: float) -> tuple[float, float]:
    """Returns the point at a part of a full turn from the top."""
    return radius * sin(2 * pi * turn), -radius * cos(2 * pi * turn)


def _stripes() -> npt.NDArray[np.bool_]:
    """Returns bool [64, 64]: three of every eight diagonals, so that each cell of the latent holds the same pattern."""
    rows, columns = np.indices((IMAGE_SIZE, IMAGE_SIZE))
    return (rows + columns) % 8 < 3
