"""Waiting for something to become true."""

import time
from collections.abc import Callable


def eventually(holds: Callable[[], object], what: str, *, seconds: float = 20) -> None:
    """Wait until `holds` gives something true; fail, saying what never came true, after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
