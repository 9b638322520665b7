import json
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest

from sdp_operator.settings import LogFormat
from sdp_operator.telemetry import logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_a_line_is_an_object_that_names_the_pipeline_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    with logs.about("art/sd"):
        logging.getLogger("some.where").warning("%s is late", "it")
    logging.info("done")
    about, done = map(json.loads, capsys.readouterr().err.splitlines())
    assert datetime.fromisoformat(about.pop("time")).tzinfo is not None
    assert about == {"level": "WARNING", "logger": "some.where", "message": "it is late", "pipeline": "art/sd"}
    assert "pipeline" not in done


def test_a_traceback_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logging.exception("oh")
    [line] = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError" in json.loads(line)["traceback"]


def test_people_read_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text")
    logging.getLogger("some.where").info("ready")
    assert capsys.readouterr().err.endswith(" INFO some.where: ready\n")


def test_what_kopf_attaches_to_its_lines_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logging.getLogger("kopf").warning("x", extra={"settings": object(), "k8s_ref": {}, "k8s_skip": True})
    assert set(json.loads(capsys.readouterr().err)) == {"time", "level", "logger", "message"}


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_probes_and_events_are_not_told(log_format: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format)
    for chatty in ("kopf.objects", "aiohttp.access"):
        logging.getLogger(chatty).info("GET /healthz")
    assert capsys.readouterr().err == ""
