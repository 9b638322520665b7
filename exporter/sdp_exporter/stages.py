"""The stages of an export, and how long each takes.

What builds a model says which stage it enters, as it would write to a log; whoever exports it listens.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """A stage, in the order in which they come."""

    BUILD = "build"
    """Load TensorFlow and make the network."""
    FETCH = "fetch"
    """Bring weights to this machine that are not there yet, and are known by their digest."""
    LOAD = "load"
    """Read the weights into it."""
    TRACE = "trace"
    """Turn the signatures into graphs."""
    SAVE = "save"
    """Write the SavedModel to the disk."""
    UPLOAD = "upload"
    """Bring it to where it is published."""


Listener = Callable[[Stage], None]

_listener: Final[ContextVar[Listener | None]] = ContextVar("listener", default=None)


def enter(stage: Stage) -> None:
    """Say that the model that is being exported enters `stage`."""
    if listener := _listener.get():
        listener(stage)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell `listener` of each stage that is entered within the context."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


class Stopwatch:
    """Seconds spent in each stage; one that is entered again counts on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds: dict[Stage, float] = {}
        self._current: tuple[Stage, float] | None = None

    @property
    def stage(self) -> Stage | None:
        """The stage that it is in."""
        return None if self._current is None else self._current[0]

    def enter(self, stage: Stage) -> None:
        """End the stage that it is in, and begin this one."""
        self.stop()
        self._current = stage, self._clock()

    def stop(self) -> dict[Stage, float]:
        """End the stage that it is in.

        Returns:
            The seconds of each stage so far.
        """
        if self._current is not None:
            stage, since = self._current
            self._seconds[stage] = self._seconds.get(stage, 0.0) + self._clock() - since
            self._current = None
        return dict(self._seconds)
