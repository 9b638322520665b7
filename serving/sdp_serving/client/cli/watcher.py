"""Shows how far a generation is, and the pictures meanwhile."""

import time
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sdp_serving.client.grid import grid
from sdp_serving.generation.ask import Progress, Stage
from sdp_serving.generation.errors import ServerError

_PATIENCE: Final = 4.0
"""A preview is followed by this many times its own time without one: previews take a fifth of the time at most."""


class Decoder(Protocol):
    """Turns progress into pictures, as a Pipeline does."""

    def preview(self, progress: Progress) -> NDArray[np.uint8] | None:
        """The pictures as they are now."""


class Display(Protocol):
    """Where all is shown, such as a Screen."""

    @property
    def shows_pictures(self) -> bool:
        """Whether previews are wanted."""

    def say(self, words: str) -> None:
        """Tell what is being done."""

    def step(self, words: str, done: int, total: int) -> None:
        """Tell how many of the steps are done."""

    def show(self, image: NDArray[np.uint8]) -> None:
        """Show a picture."""


class Watcher:
    """Told of progress, it shows it."""

    def __init__(self, decoder: Decoder, display: Display, clock: Callable[[], float] = time.monotonic) -> None:
        """Watch a generation that is about to begin.

        Args:
            decoder: of previews.
            display: where to show.
            clock: gives seconds.
        """
        self._decoder = decoder
        self._display = display
        self._clock = clock
        self._next_preview = clock()

    def __call__(self, progress: Progress) -> None:
        """Show it."""
        if progress.stage is Stage.DENOISING:
            self._display.step(progress.stage, progress.step, progress.total)
        else:
            self._display.say(progress.stage)
        # The last one is followed by the picture itself.
        if self._display.shows_pictures and progress.step < progress.total and self._clock() >= self._next_preview:
            self._preview(progress)

    def _preview(self, progress: Progress) -> None:
        start = self._clock()
        try:
            images = self._decoder.preview(progress)
        except ServerError:
            return  # The pictures themselves may come all the same.
        if images is not None:
            self._display.show(grid(images))
            now = self._clock()
            self._next_preview = now + _PATIENCE * (now - start)
