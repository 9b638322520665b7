"""A picture of any size, cut and resized to the one that is drawn."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdp_serving.generation.request import Size

_IMAGE: Final = Image.Resampling.LANCZOS
# No ringing: what is to be kept stays 0.
_MASK: Final = Image.Resampling.BOX


def fitted_image(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """The middle of an image, uint8 [h, w, 3], in `size`: uint8 [size.height, size.width, 3]."""
    return _fitted(image, size, _IMAGE)


def fitted_mask(mask: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """The same part of the mask, uint8 [h, w], in `size`."""
    return _fitted(mask, size, _MASK)


def _fitted(pixels: NDArray[np.uint8], size: Size, resampling: Image.Resampling) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if (width, height) == (size.width, size.height):
        return pixels
    # The largest part with the proportions of `size`.
    scale = min(width / size.width, height / size.height)
    cut_width, cut_height = size.width * scale, size.height * scale
    left, top = (width - cut_width) / 2, (height - cut_height) / 2
    box = (left, top, left + cut_width, top + cut_height)
    resized = Image.fromarray(pixels).resize((size.width, size.height), resampling, box=box)
    found: NDArray[Any] = np.asarray(resized)
    return found
