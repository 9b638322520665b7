import base64
import io
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from sdp_serving.client.cli.terminal import Graphics
from sdp_serving.client.cli.terminal_picture import Room, terminal_picture

ROOM = Room(columns=80, rows=24)


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def pixels(png: str) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(base64.b64decode(png, validate=True))) as image:
        return np.asarray(image)


def test_half_blocks_are_the_pixels_two_by_two() -> None:
    image = noise(6, 5)

    shown = terminal_picture(image, Graphics.TRUE_COLOR, Room(5, 3), number=1)

    assert shown.rows == 3
    assert shown.text.endswith("\x1b[0m\n")
    found = [
        [tuple(map(int, cell)) for cell in re.findall(r"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m▀", line)]
        for line in shown.text.splitlines()
    ]
    cells = np.array(found, np.uint8).reshape(3, 5, 2, 3)
    assert np.array_equal(cells.swapaxes(1, 2).reshape(6, 5, 3), image)


def test_with_256_colours_each_pixel_is_the_nearest_of_the_cube() -> None:
    image = np.array([[[0, 0, 0], [255, 255, 255]], [[250, 10, 100], [95, 135, 175]]], np.uint8)

    shown = terminal_picture(image, Graphics.COLORS_256, Room(2, 1), number=1)

    assert re.findall(r"38;5;(\d+);48;5;(\d+)m", shown.text) == [("16", str(16 + 36 * 5 + 1)), ("231", "67")]


@pytest.mark.parametrize("side", [4, 64])
def test_kitty_gets_the_picture_in_pieces_that_it_takes(side: int) -> None:
    image = noise(side, side)

    shown = terminal_picture(image, Graphics.KITTY, ROOM, number=7)

    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", shown.text)
    assert pieces[0][0].startswith("a=T,f=100,i=7,c=48,r=24,C=1,q=2,m=")
    assert [keys.rpartition("m=")[2] for keys, _ in pieces] == ["1"] * (len(pieces) - 1) + ["0"]
    assert (len(pieces) > 1) is (side == 64)
    assert all(len(data) <= 4096 and len(data) % 4 == 0 for _, data in pieces)
    assert np.array_equal(pixels("".join(data for _, data in pieces)), image)


def test_iterm2_gets_the_picture_as_a_file() -> None:
    image = noise(8, 16)

    shown = terminal_picture(image, Graphics.ITERM2, ROOM, number=7)

    match = re.search(r"\x1b\]1337;File=inline=1;size=(\d+);width=80;height=20:(.*)\a", shown.text)
    assert match is not None
    assert len(base64.b64decode(match[2])) == int(match[1])
    assert np.array_equal(pixels(match[2]), image)


@pytest.mark.parametrize("graphics", Graphics)
@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), columns=st.integers(1, 50), rows=st.integers(1, 20))
def test_a_picture_stays_in_its_room_and_ends_below_itself(
    graphics: Graphics, height: int, width: int, columns: int, rows: int
) -> None:
    shown = terminal_picture(noise(height, width), graphics, Room(columns, rows), number=1)

    assert 1 <= shown.rows <= rows
    assert shown.text.count("\n") == shown.rows
    assert shown.text.endswith("\n")
    if graphics in {Graphics.TRUE_COLOR, Graphics.COLORS_256}:
        assert all(1 <= line.count("▀") <= columns for line in shown.text.splitlines())
