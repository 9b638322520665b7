"""Latents to pictures, encoded where it costs least: by the decoder's own server, if it can."""

import io
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.generation.ask import Flow, ask, offers, output
from sdp_serving.generation.calls import Answer, Array, Call, Offer
from sdp_serving.generation.errors import UnexpectedAnswerError
from sdp_serving.generation.memory import Memory

_DECODER: Final = Component.DECODER


class Encoding(StrEnum):
    """How a picture is written to a file; the value is Pillow's name for it, in small letters."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


_SIGNATURES: Final = MappingProxyType(
    {Encoding.PNG: SignatureName.DECODE_PNG, Encoding.JPEG: SignatureName.DECODE_JPEG}
)


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures as the decoder sent them.

    Attributes:
        sent: uint8 [pictures, h, w, 3], or a file for each picture.
        encoding: of the files; None for pixels.
    """

    sent: NDArray[np.uint8] | tuple[bytes, ...]
    encoding: Encoding | None = None

    def part(self, first: int, end: int) -> "Pictures":
        """Pictures `first` up to, and without, `end`."""
        return Pictures(self.sent[first:end], self.encoding)

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """uint8 [pictures, h, w, 3], RGB; files are decoded at its first use.

        Raises:
            UnexpectedAnswerError: when they are no pictures.
        """
        if isinstance(self.sent, tuple):
            return np.stack([_read(file) for file in self.sent])
        return self.sent


@dataclass(frozen=True)
class Decoded:
    """Pictures, and the version of the decoder that made them."""

    pictures: Pictures
    version: int


def decode(latent: Array, decoder: Offer, encoding: Encoding | None, memory: Memory) -> Flow[Decoded]:
    """Decode latents.

    Args:
        latent: float32 [pictures, h/8, w/8, 4].
        decoder: what the decoder offers.
        encoding: how the files are to be; None for pixels, as which comes also what the decoder can't encode so.
        memory: what is remembered.
    """
    call = _decode_call(latent, decoder, encoding)
    answer = yield from ask(memory, call)
    return Decoded(pictures_of(call, answer), answer.version)


def preview_call(latent: Array, decoder: Offer) -> Call:
    """The call that decodes latents to something small."""
    return _decode_call(latent, decoder, Encoding.JPEG)


def pictures_of(call: Call, answer: Answer) -> Pictures:
    """The pictures that the decoder answered.

    Raises:
        UnexpectedAnswerError: when the answer holds none.
    """
    count = len(call.inputs["latent"])
    if call.signature is SignatureName.DEFAULT:
        return Pictures(output(answer, call, "images", (count, None, None, 3)))
    files = output(answer, call, "image_bytes", (count,))
    encoding = next(one for one, name in _SIGNATURES.items() if name is call.signature)
    return Pictures(tuple(files), encoding)


def _decode_call(latent: Array, decoder: Offer, encoding: Encoding | None) -> Call:
    # Without loss what the decoder writes no files of.
    wanted = None if encoding is None else _SIGNATURES.get(encoding, SignatureName.DECODE_PNG)
    name = wanted if wanted is not None and offers(decoder, wanted) else SignatureName.DEFAULT
    return Call(_DECODER, name, {"latent": latent})


def _read(file: bytes) -> NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(file), formats=[one.upper() for one in Encoding]) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, Image.DecompressionBombError) as error:
        raise no_picture() from error


def no_picture() -> UnexpectedAnswerError:
    """What is wrong where the decoder sent a file that is no picture."""
    return UnexpectedAnswerError(
        _DECODER, "the decoder answered a file that is no picture: serve a model that `sdpipeline export` wrote"
    )
