import json
import logging
import sys
from typing import Any

from sdp_serving.gateway.json_log import JsonFormatter


def _record(message: str, **about: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": message, "created": 1.5, **about})


def test_a_record_is_one_line_with_its_fields() -> None:
    line = JsonFormatter().format(_record("two\nlines", fields={"status": 200}))

    assert "\n" not in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:01.500+00:00",
        "severity": "INFO",
        "logger": "x",
        "message": "two\nlines",
        "status": 200,
    }


def test_an_exception_is_in_the_same_line() -> None:
    try:
        raise KeyError("lost")
    except KeyError:
        line = JsonFormatter().format(_record("failed", exc_info=sys.exc_info()))

    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("KeyError: 'lost'")
