"""Pillow's pictures as the pixels that a request takes."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_WHITE: Final = (255, 255, 255)
_BLACK: Final = (0, 0, 0)


def pixels_of(picture: Image.Image) -> NDArray[np.uint8]:
    """A picture of any mode, uint8 [h, w, 3], RGB; what is transparent is white.

    Raises:
        OSError, SyntaxError, ValueError: the file that it is read from is damaged.
    """
    return _on(picture, _WHITE)


def levels_of(mask: Image.Image) -> NDArray[np.uint8]:
    """A mask of any mode, uint8 [h, w]: 255 where it is white, or of a full colour; 0 where black, or transparent.

    Raises:
        OSError, SyntaxError, ValueError: the file that it is read from is damaged.
    """
    levels: NDArray[np.uint8] = _on(mask, _BLACK).max(axis=2)
    return levels


def _on(picture: Image.Image, ground: tuple[int, int, int]) -> NDArray[np.uint8]:
    if picture.mode.startswith("I;16"):
        # 16 bits of grey, which Pillow would cut off above 255 instead of dividing them.
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if not picture.has_transparency_data:
        return np.asarray(picture.convert("RGB"))
    seen = picture.convert("RGBA")
    flat = Image.new("RGB", seen.size, ground)
    flat.paste(seen, mask=seen.getchannel("A"))
    return np.asarray(flat)
