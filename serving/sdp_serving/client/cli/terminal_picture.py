"""A picture as the characters that make a terminal show it. Pure."""

import base64
import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdp_serving.client.cli.terminal import Graphics

_UPPER_HALF: Final = "\N{UPPER HALF BLOCK}"
_RESET: Final = "\x1b[0m"
_SAVE_CURSOR: Final = "\x1b7"
_RESTORE_CURSOR: Final = "\x1b8"
_KITTY_CHUNK: Final = 4096
"""The most characters of base64 that one of kitty's escape codes may hold."""
_CUBE: Final = np.array([0, 95, 135, 175, 215, 255])
"""The levels of each colour among xterm's 256, of which 16 to 231 are their combinations."""


@dataclass(frozen=True)
class Room:
    """How many characters there are side by side, and lines above each other."""

    columns: int
    rows: int


@dataclass(frozen=True)
class TerminalPicture:
    """What to write where a line begins; it ends where a line begins, `rows` further down, all of which must be there.

    Writing one over another replaces it.
    """

    text: str
    rows: int


def terminal_picture(image: NDArray[np.uint8], graphics: Graphics, room: Room, *, number: int) -> TerminalPicture:
    """A picture for a terminal, as large as the room allows.

    Args:
        image: uint8 [height, width, 3], RGB.
        graphics: what the terminal understands.
        room: for it.
        number: what kitty knows it by, from 1 to 2**32 - 1: a picture replaces another one of the same number.
    """
    columns, rows = _fitted(image, room)
    match graphics:
        case Graphics.KITTY:
            text = _moving_down(_kitty(_png(image), columns, rows, number), rows)
        case Graphics.ITERM2:
            text = _moving_down(_iterm2(_png(image), columns, rows), rows)
        case Graphics.TRUE_COLOR | Graphics.COLORS_256:
            text = _half_blocks(image, columns, rows, graphics)
    return TerminalPicture(text, rows)


def _fitted(image: NDArray[np.uint8], room: Room) -> tuple[int, int]:
    """Columns and rows that keep the picture's proportions: a character is about twice as high as wide."""
    height, width, _ = image.shape
    scale = min(room.columns / width, 2 * room.rows / height)
    return max(1, int(width * scale)), max(1, round(height * scale / 2))


def _moving_down(shown: str, rows: int) -> str:
    # Terminals differ in where they leave the cursor after a picture.
    return f"{_SAVE_CURSOR}{shown}{_RESTORE_CURSOR}" + "\n" * rows


def _kitty(png: bytes, columns: int, rows: int, number: int) -> str:
    data = base64.standard_b64encode(png).decode("ascii")
    chunks = [data[start : start + _KITTY_CHUNK] for start in range(0, len(data), _KITTY_CHUNK)]
    # A PNG in so many cells, with the cursor left where it is (C=1) and no answer (q=2), which nobody would read.
    first = f"a=T,f=100,i={number},c={columns},r={rows},C=1,q=2,"
    return "".join(
        f"\x1b_G{'' if index else first}m={int(index < len(chunks) - 1)};{chunk}\x1b\\"
        for index, chunk in enumerate(chunks)
    )


def _iterm2(png: bytes, columns: int, rows: int) -> str:
    data = base64.standard_b64encode(png).decode("ascii")
    return f"\x1b]1337;File=inline=1;size={len(png)};width={columns};height={rows}:{data}\a"


def _half_blocks(image: NDArray[np.uint8], columns: int, rows: int, graphics: Graphics) -> str:
    """Each character shows two pixels: the upper one is its colour, the lower one its background."""
    pixels = np.asarray(Image.fromarray(image).resize((columns, 2 * rows), Image.Resampling.BOX))
    colors = _of_256(pixels) if graphics is Graphics.COLORS_256 else _true(pixels)
    lines = (
        "".join(f"\x1b[38;{above};48;{below}m{_UPPER_HALF}" for above, below in zip(upper, lower, strict=True))
        for upper, lower in zip(colors[0::2], colors[1::2], strict=True)
    )
    return "".join(f"{line}{_RESET}\n" for line in lines)


def _true(pixels: NDArray[np.uint8]) -> list[list[str]]:
    """Each pixel's colour as the terminal's codes have it."""
    return [[f"2;{red};{green};{blue}" for red, green, blue in line] for line in pixels.tolist()]


def _of_256(pixels: NDArray[np.uint8]) -> list[list[str]]:
    """As `_true`, the nearest colour of the cube."""
    levels = np.abs(pixels[..., None] - _CUBE).argmin(axis=-1)
    numbers = 16 + levels @ np.array([36, 6, 1])
    return [[f"5;{number}" for number in line] for line in numbers.tolist()]


def _png(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return file.getvalue()
