"""What pictures are asked for."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sdp_serving.contract.sampling import MOST_STEPS, Sampler, Schedule
from sdp_serving.contract.signatures import LATENT_FACTOR
from sdp_serving.generation.errors import InvalidRequestError

DEFAULT_STEPS: Final = 25
_MOST_GUIDANCE: Final = float(np.finfo(np.float32).max)
DEFAULT_STRENGTH: Final = 0.8
MOST_PICTURES: Final = 1024
MOST_PIXELS: Final = 8192
"""Along one side: far above what any Stable Diffusion draws."""
_NEARLY: Final = np.float32(1e-3)
"""Of a step: what float32's 0.7 lacks of 7 steps in 10."""
SEEDS: Final = 1 << 63
"""Seeds are 0 or more and below it."""


@dataclass(frozen=True, eq=False)
class Source:
    """The picture to start from.

    Attributes:
        image: uint8 [h, w, 3], RGB, of any size: it is cut to the proportions of the picture that is asked for, and
            resized.
        mask: uint8 [h, w], like `image`: 255 where to draw anew and 0 where to keep, or between. None to draw over all.
        strength: the share of the steps to take, from 0 (the picture as it is) to 1 (nothing of it).
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None = None
    strength: float = DEFAULT_STRENGTH

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            InvalidRequestError: when it is not as described.
        """
        image, mask = self.image, self.mask
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise InvalidRequestError(
                f"the image is {image.dtype} {list(image.shape)}: give uint8 [height, width, 3], red, green and blue"
            )
        if mask is not None and (mask.dtype != np.uint8 or mask.shape != image.shape[:2]):
            raise InvalidRequestError(
                f"the mask is {mask.dtype} {list(mask.shape)}: give uint8 {list(image.shape[:2])}, as large as the"
                " image, with 255 where to draw anew"
            )
        if not 0 <= self.strength <= 1:
            raise InvalidRequestError(
                f"the strength is {self.strength}: give one from 0 (the image as it is) to 1 (nothing of it)"
            )


@dataclass(frozen=True)
class Size:
    """Of a picture, in pixels: multiples of 8, and for most models of 64."""

    width: int
    height: int

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            InvalidRequestError: when no model draws such a picture.
        """
        for side in (self.width, self.height):
            if not 0 < side <= MOST_PIXELS or side % LATENT_FACTOR:
                raise InvalidRequestError(
                    f"the size is {self}: give a width and a height in multiples of {LATENT_FACTOR}, such as 512x512"
                )

    def __str__(self) -> str:
        """Such as `512x512`."""
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """Pictures of one prompt.

    Attributes:
        prompt: what to show; CLIP reads no more than its first 75 tokens.
        negative_prompt: what not to show; empty for nothing.
        images: how many pictures.
        seed: of the first picture's noise; picture k has `seed + k`, and is the same picture that is drawn when that
            seed is asked for alone. None for any.
        steps: denoising steps.
        guidance_scale: how strongly the prompt leads; None for what suits the model.
        size: of the pictures; None for the model's own.
        sampler: None for the model's own, which is KerasCV's `ddim`.
        schedule: None for the model's own, which is KerasCV's `linspace`.
        source: the picture to start from; None to start from noise.
    """

    prompt: str
    negative_prompt: str = ""
    images: int = 1
    seed: int | None = None
    steps: int = DEFAULT_STEPS
    guidance_scale: float | None = None
    size: Size | None = None
    sampler: Sampler | None = None
    schedule: Schedule | None = None
    source: Source | None = None

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            InvalidRequestError: when no model could do it.
        """
        for name, text in (("prompt", self.prompt), ("negative prompt", self.negative_prompt)):
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise InvalidRequestError(f"the {name} holds half a character: give text of whole ones") from error
        if not 1 <= self.images <= MOST_PICTURES:
            raise InvalidRequestError(f"{self.images} images are asked for: ask for 1 to {MOST_PICTURES}")
        if not 1 <= self.steps <= MOST_STEPS:
            raise InvalidRequestError(f"steps is {self.steps}: give a number from 1 to {MOST_STEPS}")
        if self.seed is not None and not 0 <= self.seed <= SEEDS - self.images:
            raise InvalidRequestError(f"the seed is {self.seed}: give a number from 0 to {SEEDS - self.images}")
        if self.guidance_scale is not None and not abs(self.guidance_scale) <= _MOST_GUIDANCE:
            raise InvalidRequestError(f"the guidance scale is {self.guidance_scale}: give a number such as 7.5")

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of each picture; of a request that has a seed."""
        assert self.seed is not None, "a flow gives each request a seed first"
        return tuple(range(self.seed, self.seed + self.images))

    @property
    def steps_to_take(self) -> int:
        """The steps that the source's strength lets be taken, reckoned as models do: in float32, rounded down."""
        strength = 1.0 if self.source is None else self.source.strength
        return int(np.floor(np.float32(self.steps) * np.float32(strength) + _NEARLY))

    def together(self) -> Hashable:
        """Equal for requests that `flow.generate_together` can draw in one batch; None for one to be drawn alone."""
        if self.source is not None:
            return None
        return (self.steps, self.guidance_scale, self.size, self.sampler, self.schedule)
