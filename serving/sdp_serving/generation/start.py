"""What the diffusion model starts from, where that is a picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR, SignatureName
from sdp_serving.generation.ask import Flow, ask, compute, look, output
from sdp_serving.generation.calls import Array, Call
from sdp_serving.generation.fitting import fitted_image, fitted_mask
from sdp_serving.generation.memory import Memory
from sdp_serving.generation.request import Size, Source
from sdp_serving.generation.sizes import require_encodable

_ENCODER = Component.IMAGE_ENCODER


@dataclass(frozen=True)
class Start:
    """A picture that all pictures of a request are drawn over.

    Attributes:
        init_latent: float32 [1, h/8, w/8, 4].
        mask: float32 [1, h/8, w/8, 1], 1 where to draw anew; None to draw over all.
        strength: the share of the steps to take.
        version: of the image encoder.
    """

    init_latent: Array
    mask: Array | None
    strength: float
    version: int


def from_picture(source: Source, size: Size, memory: Memory) -> Flow[Start]:
    """The start of pictures that are drawn over another one.

    Raises:
        NotOfferedError: when there is no image encoder, or it is of another size.
    """
    require_encodable(size, (yield from look(memory, _ENCODER)))
    image, mask = yield from compute(lambda: _fitted(source, size))
    call = Call(_ENCODER, SignatureName.DEFAULT, {"images": image})
    answer = yield from ask(memory, call)
    height, width = size.height // LATENT_FACTOR, size.width // LATENT_FACTOR
    latent = output(answer, call, "latent", (1, height, width, LATENT_CHANNELS))
    return Start(latent, mask, source.strength, answer.version)


def _fitted(source: Source, size: Size) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """What the image encoder takes, float32 [1, h, w, 3] from -1 to 1, and the mask of latents."""
    image = fitted_image(source.image, size)[np.newaxis].astype(np.float32) / np.float32(127.5) - np.float32(1)
    return image, None if source.mask is None else latent_mask(fitted_mask(source.mask, size))


def latent_mask(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A mask of pixels as one of the latent's cells: a cell is drawn anew as far as any of its pixels is.

    Args:
        mask: uint8 [h, w], 255 where to draw anew.

    Returns:
        float32 [1, h/8, w/8, 1] from 0 to 1.
    """
    height, width = (side // LATENT_FACTOR for side in mask.shape)
    cells = mask.reshape(height, LATENT_FACTOR, width, LATENT_FACTOR).max(axis=(1, 3))
    shares: NDArray[np.float32] = cells[np.newaxis, :, :, np.newaxis].astype(np.float32) / np.float32(255)
    return shares
