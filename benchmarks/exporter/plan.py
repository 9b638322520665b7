"""What is measured, how often."""

from dataclasses import dataclass, replace
from typing import Final

from sdp_exporter.models.keras_cv.anatomy import V1, UNetAnatomy


@dataclass(frozen=True)
class Plan:
    """How large and how often.

    Attributes:
        unet: the diffusion model's anatomy.
        sizes: of the pictures, in pixels.
        drawn_by_all: the one at which every way draws a whole picture; at others, those only whose quality is compared.
        steps: how often a step is measured, after one that warms up.
        picture: steps of whole pictures.
        long_picture: steps of the picture that the seed draws, to be compared in quality with `picture` by
            DPM-Solver++.
        product: sides of the matrices whose product says what the machine can do.
    """

    unet: UNetAnatomy
    sizes: tuple[int, ...]
    drawn_by_all: int
    steps: int
    picture: int
    long_picture: int
    product: int


FULL: Final = Plan(unet=V1.unet, sizes=(256, 512), drawn_by_all=256, steps=3, picture=20, long_picture=50, product=4096)
QUICK: Final = Plan(
    unet=replace(V1.unet, width=96, channels=(32, 64, 64), heads=(2, 2, 2)),
    sizes=(128,),  # KerasCV draws multiples of it only.
    drawn_by_all=128,
    steps=2,
    picture=2,
    long_picture=5,
    product=512,
)
"""A model so small that it tells nothing of the large one: to try the program."""
