import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdp_serving.gateway.openai.refusal import RefusedError
from sdp_serving.gateway.openai.uploads import read_mask, read_picture

HALF = Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 4, axis=0).repeat(4, axis=1))
"""Black to the left, white to the right, of 8x4 pixels."""


def _file(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_kind_of_png_is_read_as_rgb(mode: str) -> None:
    pixels = read_picture(_file(HALF.convert(mode)))

    assert pixels.shape == (4, 8, 3)
    assert pixels.dtype == np.uint8
    assert (pixels[:, :4].max(), pixels[:, 4:].min()) == (0, 255)


def test_16_bits_of_grey_are_read_as_8() -> None:
    grey = Image.fromarray(np.array([[0, 128 << 8, 0xFFFF]], np.uint16))

    assert read_picture(_file(grey))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_other_formats_are_read(kind: str) -> None:
    pixels = read_picture(_file(HALF.convert("RGB"), kind, quality=100)).astype(int)

    assert np.abs(pixels - np.asarray(HALF.convert("RGB"))).max() < 10


def test_what_is_transparent_is_white() -> None:
    seen = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    seen.putpixel((1, 0), (0, 0, 0, 0))

    assert read_picture(_file(seen)).tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_a_photograph_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # A quarter turn to the right (TIFF 6.0, Orientation).

    assert read_picture(_file(HALF.convert("RGB"), "JPEG", exif=exif)).shape == (8, 4, 3)


def test_a_mask_covers_what_is_transparent_in_it() -> None:
    mask = Image.new("RGBA", (8, 4), (9, 9, 9, 255))
    mask.putalpha(HALF)
    picture = np.zeros((4, 8, 3), np.uint8)

    covered = read_mask(_file(mask), picture)

    assert (covered[:, :4].min(), covered[:, 4:].max()) == (255, 0)
    with pytest.raises(RefusedError, match="has 8x4 pixels and the image 4x8"):
        read_mask(_file(mask), picture.transpose(1, 0, 2))


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM"])
def test_no_other_format_is_opened(kind: str) -> None:
    with pytest.raises(RefusedError, match="send a whole file of one of these"):
        read_picture(_file(HALF, kind))
