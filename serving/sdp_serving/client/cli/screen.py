"""What a user sees while pictures are made: a line of progress, and previews above it."""

import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.segment import ControlType, Segment
from rich.text import Text

from sdp_serving.client.cli.terminal import Graphics
from sdp_serving.client.cli.terminal_picture import Room, terminal_picture

_MOST_ROWS: Final = 24
_OTHER_ROWS: Final = 3
"""Lines that a picture leaves to the progress and to what is printed at the end."""
_MINUTE: Final = 60


class Screen:
    """Progress and previews; nothing at all where the console is no terminal."""

    def __init__(
        self, console: Console, graphics: Graphics | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Show all on a console.

        Args:
            console: of the standard error.
            graphics: how previews are shown; None for none.
            clock: gives seconds.
        """
        self._console = console
        self._graphics = graphics
        self._clock = clock
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), _Steps(), _Left(clock))
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=None, ends=None, visible=False)
        self._began: float | None = None
        self._rows = 0

    @property
    def shows_pictures(self) -> bool:
        """Whether previews are wanted."""
        return self._graphics is not None

    def __enter__(self) -> Self:
        """Begin to show."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the progress; the last picture stays."""
        self._progress.stop()

    def say(self, words: str) -> None:
        """Tell what is being done, of which nobody knows how long it takes."""
        self._progress.update(self._task, description=words, total=None, completed=0, ends=None, visible=True)

    def step(self, words: str, done: int, total: int) -> None:
        """Tell how many of the steps are done."""
        now = self._clock()
        if self._began is None or done == 0:
            self._began = now
        ends = now + (now - self._began) / done * (total - done) if done else None
        self._progress.update(self._task, description=words, total=total, completed=done, ends=ends, visible=True)

    def refresh(self) -> None:
        """Show at once what was told, which otherwise happens ten times a second."""
        self._progress.refresh()

    def show(self, image: NDArray[np.uint8]) -> None:
        """Show a picture, uint8 [height, width, 3], in the place of the one before."""
        if self._graphics is None:
            return
        room = Room(self._console.width, max(1, min(self._console.height - _OTHER_ROWS, _MOST_ROWS)))
        picture = terminal_picture(image, self._graphics, room, number=os.getpid())
        # Where the terminal ends, new lines make room by moving all that is above them.
        room_made = "" if self._rows == picture.rows else "\n" * picture.rows
        up = f"\x1b[{picture.rows}A"
        self._rows = picture.rows
        self._console.print(_Verbatim(room_made + up + picture.text), end="", crop=False)


class _Verbatim:
    """Escape codes that rich hands on as they are."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment(self._text, None, [(ControlType.CURSOR_MOVE_TO_COLUMN, 0)])


class _Steps(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.total is None else f"{task.completed:.0f}/{task.total:.0f} steps")


class _Left(ProgressColumn):
    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock

    def render(self, task: Task) -> Text:
        ends: float | None = task.fields["ends"]
        return Text("" if ends is None else f"{_span(max(0.0, ends - self._clock()))} left")


def _span(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < _MINUTE else f"{whole // _MINUTE}:{whole % _MINUTE:02} min"
