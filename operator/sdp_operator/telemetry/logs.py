"""The log: one JSON object a line for programs, or text for people."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from sdp_operator.settings import LogFormat

_KOPFS_EXTRAS: Final = ("k8s_ref", "k8s_skip", "settings")
_pipeline: ContextVar[str | None] = ContextVar("pipeline", default=None)


@contextmanager
def about(pipeline: str) -> Iterator[None]:
    """Let every line that is logged meanwhile name the pipeline, as namespace/name."""
    token = _pipeline.set(pipeline)
    try:
        yield
    finally:
        _pipeline.reset(token)


def current() -> str | None:
    """The pipeline that the present work is about, as namespace/name; None when it is about none."""
    return _pipeline.get()


def configure(log_format: LogFormat) -> None:
    """Write the whole process's log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if log_format == "json" else _TEXT)
    handler.addFilter(_name_the_pipeline)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    quieten()


def quieten() -> None:
    """Silence what tells of every event and every request; what matters is told where it is done."""
    for chatty in ("kopf.objects", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class _Json(JsonFormatter):
    def __init__(self) -> None:
        super().__init__(
            "%(time)s %(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "traceback"},
            reserved_attrs=[*RESERVED_ATTRS, *_KOPFS_EXTRAS],
        )

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


_TEXT: Final = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


def _name_the_pipeline(record: logging.LogRecord) -> bool:
    if (pipeline := current()) is not None:
        record.pipeline = pipeline
    return True
