"""Waiting for a condition with a deadline, never for a length of time."""

import time
from collections.abc import Callable
from pathlib import Path

from devcluster.errors import ClusterError

_PAUSE_SECONDS = 0.1


def wait_for(what: str, condition: Callable[[], bool], *, seconds: float, log: Path | None = None) -> None:
    """Return as soon as `condition` holds.

    Args:
        what: completes the sentence "waited N s for ...".
        condition: is asked until it is true; it may raise ClusterError to give up at once.
        seconds: the longest wait.
        log: the file whose last lines say why, when the deadline passes.

    Raises:
        ClusterError: the deadline passed.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterError(f"Waited {seconds:.0f} s for {what}, in vain.{last_lines(log)}")
        time.sleep(_PAUSE_SECONDS)


def last_lines(log: Path | None, count: int = 8) -> str:
    """Give the end of a log file as the tail of an error message, or nothing where there is no such file."""
    if log is None or not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-count:]
    return f" The last lines of {log}:\n" + "\n".join(f"  {line}" for line in lines)
