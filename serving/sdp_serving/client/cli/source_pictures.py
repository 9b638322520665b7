"""Pictures and masks to begin from, read from files that may be anything."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sdp_serving.generation.pixels import levels_of, pixels_of

MOST_PIXELS: Final = 1 << 26
"""Of a picture that is read at all (8192 x 8192): a file of a few bytes can unpack to gigabytes."""


class UnusablePictureError(ValueError):
    """The file is no picture to begin from; the text says why and what to give instead."""


def read_picture(path: Path) -> NDArray[np.uint8]:
    """A picture, turned as its camera says, on white where it is transparent.

    Returns:
        uint8 [height, width, 3], RGB.

    Raises:
        UnusablePictureError: it is none, or too large.
    """
    with _opened(path) as picture:
        return pixels_of(picture)


def read_mask(path: Path, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask of a picture: white where it is to be drawn anew; black, or transparent, where it stays.

    Returns:
        uint8 [height, width], 255 where it is white.

    Raises:
        UnusablePictureError: it is none, too large, of another size than the picture, or black all over.
    """
    with _opened(path) as mask:
        levels = levels_of(mask)
    if levels.shape != picture.shape[:2]:
        raise UnusablePictureError(
            f"{path} is {_size(levels)} pixels, and the picture is {_size(picture)}: give a mask of the picture's size"
        )
    if not levels.any():
        raise UnusablePictureError(f"{path} is black all over: make white what is to be drawn anew")
    return levels


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            # Pillow's own limit is told below, by ours.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise UnusablePictureError(_too_large(path, image.size))
                # Only now are the pixels unpacked.
                yield ImageOps.exif_transpose(image)
    except Image.DecompressionBombError as error:
        raise UnusablePictureError(f"{path} has too many pixels: scale it down") from error
    except FileNotFoundError as error:
        raise UnusablePictureError(f"there is no file {path}") from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        if isinstance(error, UnusablePictureError):
            raise
        raise UnusablePictureError(f"{path} cannot be read as a picture: give a whole PNG, JPEG or WebP") from error


def _too_large(path: Path, size: tuple[int, int]) -> str:
    return f"{path} is {size[0]}x{size[1]} pixels, which is too large: scale it down"


def _size(pixels: NDArray[np.uint8]) -> str:
    height, width = pixels.shape[:2]
    return f"{width}x{height}"
