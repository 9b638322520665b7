"""Plain lines about the bytes so far, suited to `kubectl logs`."""

from collections.abc import Callable
from threading import Lock
from typing import Final

MIB: Final = 1 << 20

Say = Callable[[str], None]
"""Writes one line for a person."""


class Progress:
    """Counts bytes of a transfer, from any thread."""

    def __init__(self, total: int, clock: Callable[[], float]) -> None:
        self._total = total
        self._clock = clock
        self._start = clock()
        self._done = 0
        self._lock = Lock()

    def add(self, size: int) -> None:
        """Count `size` more bytes."""
        with self._lock:
            self._done += size

    def __str__(self) -> str:
        """Such as `512.0 of 3294.0 MiB, 16 %, 128.0 MiB/s`."""
        percent = 100 * self._done // self._total if self._total else 100
        rate = self._done / MIB / max(self._clock() - self._start, 1e-3)
        return f"{self._done / MIB:.1f} of {self._total / MIB:.1f} MiB, {percent} %, {rate:.1f} MiB/s"
