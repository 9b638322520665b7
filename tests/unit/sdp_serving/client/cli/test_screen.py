import io
import re

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from sdp_serving.client.cli.screen import Screen
from sdp_serving.client.cli.terminal import Graphics

_SIGN = re.compile(r"\x1b\[(?P<numbers>[?\d;]*)(?P<command>[A-Za-z])|(?P<plain>[^\x1b])", re.DOTALL)


class Terminal(io.StringIO):
    """Remembers the characters of its lines, without their colours, as a terminal does with what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self._cells: dict[tuple[int, int], str] = {}
        self._row = self._column = 0

    def write(self, text: str) -> int:
        for sign in _SIGN.finditer(text):
            match sign["command"] or sign["plain"]:
                case "A":
                    self._row -= int(sign["numbers"] or 1)
                case "K":
                    self._cells = {place: cell for place, cell in self._cells.items() if place[0] != self._row}
                case "h" | "l" | "m" if sign["command"]:
                    pass
                case "\r":
                    self._column = 0
                case "\n":
                    self._row, self._column = self._row + 1, 0
                case character:
                    self._cells[self._row, self._column] = character
                    self._column += 1
        assert self._row >= 0, "above the first line that was written"
        return len(text)

    @property
    def lines(self) -> list[str]:
        rows = range(max((row for row, _ in self._cells), default=-1) + 1)
        return ["".join(self._cells.get((row, column), " ") for column in range(80)).rstrip() for row in rows]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def picture(shade: int) -> NDArray[np.uint8]:
    return np.full((8, 4, 3), shade, np.uint8)


def console(terminal: io.StringIO) -> Console:
    return Console(file=terminal, force_terminal=True, width=80, height=7, _environ={"TERM": "xterm-256color"})


def test_the_line_tells_the_step_and_how_long_the_rest_takes() -> None:
    terminal, clock = Terminal(), Clock()
    with Screen(console(terminal), None, clock=clock) as screen:
        screen.say("connecting")
        screen.refresh()
        assert re.search(r"connecting", terminal.lines[0])
        assert "steps" not in terminal.lines[0]

        screen.step("denoising", 0, 25)
        clock.now += 8
        screen.step("denoising", 2, 25)
        screen.refresh()
        assert terminal.lines[0].endswith("2/25 steps 1:32 min left")

        clock.now += 90
        screen.refresh()
        assert terminal.lines[0].endswith("2/25 steps 2 s left")

        screen.say("decoding")
        screen.refresh()
        assert "decoding" in terminal.lines[0]
        assert "left" not in terminal.lines[0]
    assert "".join(terminal.lines) == ""


def test_pictures_replace_each_other_above_the_line_and_the_last_one_stays() -> None:
    terminal = Terminal()
    with Screen(console(terminal), Graphics.TRUE_COLOR) as screen:
        for shade in (10, 20, 30):
            screen.step("denoising", shade, 30)
            screen.show(picture(shade))
            screen.refresh()
            assert terminal.lines[:4] == ["▀▀▀▀"] * 4
            assert f"{shade}/30 steps" in terminal.lines[4]
            assert len(terminal.lines) == 5
    assert [line for line in terminal.lines if line] == ["▀▀▀▀"] * 4


def test_no_picture_is_shown_unless_it_is_known_how() -> None:
    terminal = Terminal()
    with Screen(console(terminal), None) as screen:
        screen.show(picture(10))
    assert "".join(terminal.lines) == ""


def test_nothing_is_written_to_what_is_no_terminal() -> None:
    written = io.StringIO()
    with Screen(Console(file=written), None) as screen:
        screen.say("connecting")
        screen.step("denoising", 1, 2)
    assert written.getvalue() == ""
