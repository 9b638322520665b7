"""Trying again what failed for a reason that may pass."""

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 10.0

Answer = TypeVar("Answer")


def tried(
    call: Callable[[], Answer],
    *,
    patience: float,
    transient: Callable[[Exception], bool],
    position: Callable[[], int] = lambda: 0,
) -> Answer:
    """Call until it succeeds.

    Args:
        call: what may fail.
        patience: seconds without an advance after which the last error is raised.
        transient: whether an error may pass; others are raised at once.
        position: how far the calls have come so far.
    """
    reached, deadline, pause = position(), time.monotonic() + patience, _FIRST_PAUSE
    while True:
        try:
            return call()
        except Exception as error:
            if not transient(error):
                raise
            if position() != reached:
                reached, deadline, pause = position(), time.monotonic() + patience, _FIRST_PAUSE
            # Not all parts at the same moment, at a storage that has too much to do.
            wait = pause * random.uniform(0.5, 1)  # noqa: S311 - no secret
            if time.monotonic() + wait > deadline:
                raise
            time.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)
