import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdp_serving.client.cli.source_pictures import UnusablePictureError, read_mask, read_picture


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


def test_a_picture_is_read_as_its_viewer_sees_it(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # Taken with the camera turned by a quarter.
    turned = saved(Image.new("RGB", (20, 10), "red"), tmp_path / "turned.jpg", exif=exif)
    assert read_picture(turned).shape == (20, 10, 3)

    clear = saved(Image.new("RGBA", (2, 2), (255, 0, 0, 0)), tmp_path / "clear.png")
    assert read_picture(clear).tolist() == [[[255, 255, 255]] * 2] * 2

    for mode in ("1", "L", "P", "LA", "I;16", "CMYK"):
        name = tmp_path / f"{mode[0]}{len(mode)}.{'jpg' if mode == 'CMYK' else 'png'}"
        found = read_picture(saved(Image.new(mode, (3, 2)), name))
        assert found.shape == (2, 3, 3)
        assert found.dtype == np.uint8


def test_sixteen_bits_of_grey_are_read_as_eight(tmp_path: Path) -> None:
    deep = saved(Image.fromarray(np.array([[0, 1 << 14, (1 << 16) - 1]], np.uint16)), tmp_path / "deep.png")
    assert read_picture(deep)[0, :, 0].tolist() == [0, 64, 255]
    assert read_mask(deep, np.zeros((1, 3, 3), np.uint8)).tolist() == [[0, 64, 255]]


def test_a_mask_is_white_where_to_draw(tmp_path: Path) -> None:
    picture = np.zeros((1, 3, 3), np.uint8)
    image = Image.new("RGBA", (3, 1), "black")
    image.putpixel((0, 0), (255, 255, 255, 255))
    image.putpixel((1, 0), (255, 255, 255, 0))
    assert read_mask(saved(image, tmp_path / "mask.png"), picture).tolist() == [[255, 0, 0]]


def test_a_mask_that_does_not_fit_or_covers_nothing_is_told(tmp_path: Path) -> None:
    black = saved(Image.new("L", (4, 3)), tmp_path / "mask.png")
    with pytest.raises(UnusablePictureError, match=r"mask.png is 4x3 pixels, and the picture is 5x3"):
        read_mask(black, np.zeros((3, 5, 3), np.uint8))
    with pytest.raises(UnusablePictureError, match=r"mask.png is black all over: make white"):
        read_mask(black, np.zeros((3, 4, 3), np.uint8))


def bomb(side: int) -> bytes:
    """A PNG of few bytes that says it has side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8193, 12_000, 60_000])
def test_a_decompression_bomb_is_told_before_it_is_unpacked(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(side))
    with pytest.raises(UnusablePictureError, match=r"bomb.png .*: scale it down"):
        read_picture(path)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"<html>", bomb(64), b"\x89PNG\r\n\x1a\n" + b"\0" * 100])
def test_what_is_no_picture_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(UnusablePictureError, match=r"broken.png cannot be read as a picture: give a whole PNG"):
        read_picture(path)


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnusablePictureError, match="there is no file"):
        read_picture(tmp_path / "no.png")
    with pytest.raises(UnusablePictureError, match="cannot be read"):
        read_picture(tmp_path)
