import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.toy_models import toy_source

from sdp_exporter.export import Exported, Request
from sdp_exporter.log_lines import LogObserver
from sdp_exporter.stages import Stage
from sdp_serving.contract.artifact import ModelUri, Version
from sdp_serving.contract.components import Component

URI = ModelUri.parse("gs://demo/sd/decoder")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WHOSE = {"time": "2026-01-01T12:00:00.000Z", "weights": "toy/base", "component": "decoder"}
DIGEST = "sha256:0"


@pytest.fixture
def request_() -> Request:
    return Request(toy_source(Component.DECODER, Path("base.npz")), URI)


def test_every_stage_is_a_line_of_json(request_: Request) -> None:
    said: list[str] = []
    observer = LogObserver(said.append, lambda: NOON)
    for stage in Stage:
        observer.entered(request_, stage)
    stored = observer.uploading(request_, 3000)
    for _ in range(3000):
        stored(1)
    assert [json.loads(line) for line in said] == [
        *({**WHOSE, "stage": stage} for stage in ("build", "fetch", "load", "trace", "save")),
        {**WHOSE, "stage": "upload", "bytes": 3000, "uri": "gs://demo/sd/decoder"},
    ]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            {"seconds": {Stage.BUILD: 1.234, Stage.UPLOAD: 2.0}, "peak_memory": 7},
            {"stage": "exported", "seconds": {"build": 1.2, "upload": 2.0}, "peakMemoryBytes": 7},
        ),
        ({}, {"stage": "unchanged"}),
    ],
)
def test_the_last_line_says_where_the_model_is(
    request_: Request, made: dict[str, Any], words: dict[str, object]
) -> None:
    said: list[str] = []
    exported = Exported(request_, URI.at(Version(7)), DIGEST, 3000, **made)
    LogObserver(said.append, lambda: NOON).exported(exported)
    (line,) = said
    assert json.loads(line) == {**WHOSE, **words, "uri": "gs://demo/sd/decoder/7", "digest": DIGEST, "bytes": 3000}
