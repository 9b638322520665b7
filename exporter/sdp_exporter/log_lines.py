"""Progress as JSON, one line a stage, suited to `kubectl logs` and to programs."""

import json
from collections.abc import Callable
from datetime import datetime

from sdp_exporter.export import Clock, Exported, Request
from sdp_exporter.stages import Stage
from sdp_exporter.stores import Progress

Say = Callable[[str], None]
"""Writes one line."""


class LogObserver:
    """Says which stage a model enters and when, and at last what became of it."""

    def __init__(self, say: Say, clock: Clock) -> None:
        self._say = say
        self._clock = clock

    def entered(self, request: Request, stage: Stage) -> None:
        """Say which stage has begun; that of the upload is told with its size."""
        if stage is not Stage.UPLOAD:
            self._line(request, stage)

    def uploading(self, request: Request, size: int) -> Progress:
        """Say how much is to be stored, and where."""
        self._line(request, Stage.UPLOAD, bytes=size, uri=str(request.uri))
        return _unheard

    def exported(self, exported: Exported) -> None:
        """Say where the model is, and what it took to make it."""
        made = {
            "seconds": {stage: round(seconds, 1) for stage, seconds in exported.seconds.items()},
            "peakMemoryBytes": exported.peak_memory,
        }
        self._line(
            exported.request,
            "exported" if exported.is_new else "unchanged",
            uri=str(exported.uri),
            digest=exported.digest,
            bytes=exported.size,
            **(made if exported.is_new else {}),
        )

    def _line(self, request: Request, stage: str, **more: object) -> None:
        line = {
            "time": _written(self._clock()),
            "weights": request.source.name,
            "component": request.source.component,
            "stage": stage,
            **more,
        }
        self._say(json.dumps(line))


def _written(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unheard(_size: int) -> None:
    """Bytes are not worth a line each."""
