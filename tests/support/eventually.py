"""Waiting for something to become true."""

import time
from collections.abc import Callable


def eventually(
    holds: Callable[[], object], what: str, *, seconds: float = 20, instead: Callable[[], object] = lambda: ""
) -> None:
    """Wait until `holds` gives something true; fail after `seconds`, saying what did not hold, and what did."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{instead()}"
        time.sleep(0.05)
