"""What a program may say of the pictures that it asks for."""

from enum import StrEnum
from typing import TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.generation.errors import InvalidRequestError
from sdp_serving.generation.pixels import levels_of, pixels_of
from sdp_serving.generation.request import DEFAULT_STEPS, DEFAULT_STRENGTH, ImageRequest, Size, Source

Picture = NDArray[np.uint8] | Image.Image

Choice = TypeVar("Choice", bound=StrEnum)


class Options(TypedDict, total=False):
    """Beside the prompt; all may be left out.

    Attributes:
        negative_prompt: what not to show.
        images: how many pictures; 1 when left out.
        seed: of the first picture's noise; picture k has `seed + k`, and is the same picture that this seed gives
            alone. A random one when left out.
        steps: denoising steps; 25 when left out.
        guidance_scale: how strongly the prompt leads; what suits the model when left out.
        size: width and height in pixels; the model's own when left out.
        sampler: KerasCV's `ddim` when left out.
        schedule: KerasCV's `linspace` when left out.
        image: the picture to start from: Pillow's, or uint8 [h, w, 3]. It is cut and resized to the size.
        mask: of that picture: Pillow's, or uint8 [h, w]; 255 where to draw anew, 0 where to keep.
        strength: the share of the steps to take over the picture, from 0 (as it is) to 1; 0.8 when left out.
    """

    negative_prompt: str
    images: int
    seed: int | None
    steps: int
    guidance_scale: float | None
    size: tuple[int, int] | None
    sampler: Sampler | str | None
    schedule: Schedule | str | None
    image: Picture | None
    mask: Picture | None
    strength: float


def request_of(prompt: str, options: Options) -> ImageRequest:
    """The request that the options make.

    Raises:
        InvalidRequestError: when no model could do it.
    """
    size = options.get("size")
    return ImageRequest(
        prompt=prompt,
        negative_prompt=options.get("negative_prompt", ""),
        images=options.get("images", 1),
        seed=options.get("seed"),
        steps=options.get("steps", DEFAULT_STEPS),
        guidance_scale=options.get("guidance_scale"),
        size=None if size is None else Size(*size),
        sampler=_choice(Sampler, options.get("sampler")),
        schedule=_choice(Schedule, options.get("schedule")),
        source=_source(options),
    )


def _source(options: Options) -> Source | None:
    image, mask = options.get("image"), options.get("mask")
    if image is None:
        if mask is not None or "strength" in options:
            raise InvalidRequestError("a mask and a strength are of an image: give the image too, or leave them out")
        return None
    return Source(
        pixels_of(ImageOps.exif_transpose(image)) if isinstance(image, Image.Image) else image,
        levels_of(ImageOps.exif_transpose(mask)) if isinstance(mask, Image.Image) else mask,
        options.get("strength", DEFAULT_STRENGTH),
    )


def _choice(among: type[Choice], chosen: Choice | str | None) -> Choice | None:
    if chosen is None:
        return None
    try:
        return among(chosen)
    except ValueError as error:
        raise InvalidRequestError(
            f"there is no {among.__name__.lower()} {chosen!r}: choose among {', '.join(among)}"
        ) from error
