"""Pictures as files that hold their receipt."""

import io
from typing import Final
from xml.sax.saxutils import escape, unescape

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from sdp_serving.generation import png
from sdp_serving.generation.decode import Encoding
from sdp_serving.generation.errors import InvalidRequestError
from sdp_serving.generation.receipt import Receipt

RECEIPT: Final = "sdpipeline"
"""The keyword under which a PNG holds its receipt as JSON; what people look for is under keywords of its own too."""

QUALITY: Final = 92
"""Of JPEG and WebP in percent: as the decoder's own JPEG."""


def png_texts(receipt: Receipt) -> dict[str, str]:
    """The texts of a picture's PNG file, by keyword."""
    told = {
        "prompt": receipt.prompt,
        "negative-prompt": receipt.negative_prompt,
        "images": receipt.images,
        "seed": receipt.seed,
        "steps": receipt.steps,
        "guidance-scale": None if receipt.guidance_scale is None else f"{receipt.guidance_scale:g}",
        "sampler": receipt.sampler,
        "schedule": receipt.schedule,
        "size": f"{receipt.width}x{receipt.height}",
        **{f"{component}-version": model.version for component, model in receipt.models.items()},
        **{f"{component}-digest": model.digest for component, model in receipt.models.items()},
    }
    readable = {keyword: str(value) for keyword, value in told.items() if value not in (None, "")}
    return {"Software": "sdpipeline", **readable, RECEIPT: receipt.model_dump_json(exclude_none=True)}


def encoded(pixels: NDArray[np.uint8], encoding: Encoding, receipt: Receipt, *, quality: int = QUALITY) -> bytes:
    """A picture, uint8 [h, w, 3], as a file that holds its receipt.

    Args:
        pixels: the picture.
        encoding: of the file.
        receipt: what it was made from.
        quality: of JPEG and WebP in percent.
    """
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    match encoding:
        case Encoding.PNG:
            image.save(buffer, format="PNG", compress_level=1)
        case Encoding.JPEG:
            image.save(buffer, format="JPEG", quality=quality)
        case Encoding.WEBP:
            image.save(buffer, format="WEBP", quality=quality, xmp=_packet(receipt))
            return buffer.getvalue()
    return with_receipt(buffer.getvalue(), encoding, receipt)


def with_receipt(file: bytes, encoding: Encoding, receipt: Receipt) -> bytes:
    """The same PNG or JPEG file with a receipt; its pixels are as they were."""
    if encoding is Encoding.PNG:
        return png.with_text(file, png_texts(receipt))
    assert encoding is Encoding.JPEG, "a WebP file is written with its receipt"
    return _with_segment(file, _packet(receipt))


def read_receipt(file: bytes) -> Receipt:
    """The receipt that a file holds.

    Raises:
        InvalidRequestError: when it holds none that can be read.
    """
    try:
        return Receipt.model_validate_json(_receipt_json(file))
    except (ValidationError, png.NotPngError, OSError, KeyError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidRequestError(
            "the file holds no receipt of sdpipeline's: give a picture as it was written, not one that was edited"
        ) from error


def _receipt_json(file: bytes) -> str:
    with Image.open(io.BytesIO(file), formats=[one.upper() for one in Encoding]) as image:
        if image.format == "PNG":
            return png.read_text(file, RECEIPT) or ""
        packet: bytes = image.info["xmp"]
    _, _, rest = packet.decode().partition("<sdpipeline:receipt>")
    return unescape(rest.partition("</sdpipeline:receipt>")[0])


_NAMESPACE: Final = "https://sdpipeline.dev/ns/receipt/1/"
_XMP_MARK: Final = b"http://ns.adobe.com/xap/1.0/\0"
_LONGEST_SEGMENT: Final = 0xFFFF


def _packet(receipt: Receipt) -> bytes:
    """The receipt as XMP (ISO 16684-1), which JPEG and WebP have a place for."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:sdpipeline="{_NAMESPACE}"><sdpipeline:receipt>'
        f"{escape(receipt.model_dump_json(exclude_none=True))}"
        "</sdpipeline:receipt></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def _with_segment(jpeg: bytes, packet: bytes) -> bytes:
    """A JPEG file with XMP in an APP1 segment behind its first marker and JFIF header."""
    length = 2 + len(_XMP_MARK) + len(packet)
    if length > _LONGEST_SEGMENT:
        # Of a prompt of some ten thousand characters: the format has no place for it.
        return jpeg
    at = 2
    if jpeg[2:4] == b"\xff\xe0":
        at += 2 + int.from_bytes(jpeg[4:6], "big")
    return jpeg[:at] + b"\xff\xe1" + length.to_bytes(2, "big") + _XMP_MARK + packet + jpeg[at:]
