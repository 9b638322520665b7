"""Pictures that clients send, as pixels."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from sdp_serving.gateway.openai.refusal import RefusedError
from sdp_serving.generation.pixels import pixels_of

MOST_SIDE: Final = 4096
"""Pixels along one side: a small file may hold billions."""

_TOO_LARGE: Final = f"has too many pixels: send one of at most {MOST_SIDE} on each side"
_FORMATS: Final = ("PNG", "JPEG", "WEBP")
# All that Pillow's readers raise for files that are not what they begin like.
_BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error, MemoryError)


def read_picture(content: bytes) -> NDArray[np.uint8]:
    """The pixels of a picture, uint8 [h, w, 3] of RGB; what is transparent is white.

    Raises:
        RefusedError: it is no picture, or too large a one.
    """
    with _opened("image", content) as opened:
        return pixels_of(opened)


def read_mask(content: bytes, of: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a mask covers, uint8 [h, w]: 255 where it is transparent, 0 where it is not.

    Args:
        content: the file.
        of: the picture that it is for, [h, w, 3].

    Raises:
        RefusedError: it is no mask, or none for that picture.
    """
    with _opened("mask", content) as opened:
        if not _has_alpha(opened):
            raise _refused("mask", "is nowhere transparent, so that nothing would change: send a PNG with transparency")
        mask: NDArray[np.uint8] = 255 - np.asarray(opened.convert("RGBA").getchannel("A"))
    if mask.shape != of.shape[:2]:
        (height, width), (wanted_height, wanted_width) = mask.shape, of.shape[:2]
        raise _refused(
            "mask", f"has {width}x{height} pixels and the image {wanted_width}x{wanted_height}: send two of one size"
        )
    if not mask.any():
        raise _refused("mask", "is nowhere transparent, so that nothing would change: make it so where to draw anew")
    return mask


@contextmanager
def _opened(param: str, content: bytes) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            # Sizes are looked at below; other oddities of a file are its client's.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
                if max(opened.size) > MOST_SIDE:
                    raise _refused(param, _TOO_LARGE)
                upright = ImageOps.exif_transpose(opened)
                upright.load()
                yield upright
    except Image.DecompressionBombError as error:
        raise _refused(param, _TOO_LARGE) from error
    except UnidentifiedImageError as error:
        raise _refused(param, "cannot be read as PNG, JPEG or WebP: send a whole file of one of these") from error
    except _BROKEN as error:
        raise _refused(param, "is broken: send it again, or another one") from error


def _has_alpha(opened: Image.Image) -> bool:
    return "A" in opened.getbands() or "transparency" in opened.info


def _refused(param: str, what: str) -> RefusedError:
    return RefusedError(400, f"The {param} {what}", param=param, code="invalid_image")
