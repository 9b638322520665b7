"""Progress as plain lines, one a step, suited to `kubectl logs`."""

from collections.abc import Callable
from threading import Lock
from typing import Final

from sdp_exporter.export import Request
from sdp_exporter.stores import Progress
from sdp_serving.contract.artifact import ModelUri

MIB: Final = 1 << 20
_STEP_PERCENT: Final = 10

Say = Callable[[str], None]
"""Writes one line for a person."""


class LogObserver:
    """Says each step of an export, and every tenth of what is stored."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def writing(self, request: Request) -> None:
        """Say that the model is being built."""
        self._say(f"{request.name}: building and saving")

    def publishing(self, request: Request, size: int) -> Progress:
        """Say how much there is to store, and then how much is."""
        self._say(f"{request.name}: storing {size / MIB:.1f} MiB at {request.uri}")
        return _Percentage(request.name, size, self._say).add

    def published(self, request: Request, uri: ModelUri) -> None:
        """Say which version it became."""
        self._say(f"{request.name}: published as version {uri.version}")

    def unchanged(self, request: Request, uri: ModelUri) -> None:
        """Say that nothing was to do."""
        self._say(f"{request.name}: unchanged, version {uri.version} is the same model")


class _Percentage:
    """Counts bytes, from any thread; an upload that is broken off and repeated counts twice."""

    def __init__(self, name: str, total: int, say: Say) -> None:
        self._name = name
        self._total = total
        self._say = say
        self._stored = 0
        self._said = 0
        self._lock = Lock()

    def add(self, size: int) -> None:
        with self._lock:
            self._stored += size
            percent = min(100, 100 * self._stored // max(self._total, 1))
            if percent >= self._said + _STEP_PERCENT or percent == 100 > self._said:
                self._said = percent
                self._say(f"{self._name}: stored {percent} %")
