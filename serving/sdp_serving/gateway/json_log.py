"""The log: one JSON object a line."""

import json
import logging
import sys
from datetime import UTC, datetime

from aiohttp.http_exceptions import HttpProcessingError


class JsonFormatter(logging.Formatter):
    """Writes a record, with the fields that it brings along as `extra={"fields": ...}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "severity": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def log_as_json() -> None:
    """Send the log of the whole process to the standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("aiohttp.server").addFilter(_calm)


def _calm(record: logging.LogRecord) -> bool:
    """Take the traceback from what is a client's mistake: bytes that are no HTTP."""
    failure = record.exc_info[1] if record.exc_info else None
    if isinstance(failure, HttpProcessingError):
        record.exc_info = None
        record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
        record.msg, record.args = "A request was not HTTP: %s", (failure.message.splitlines()[0],)
    return True
