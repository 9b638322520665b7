from pathlib import Path

import pytest
from tests.support.toy_models import toy_source

from sdp_exporter.export import Request
from sdp_exporter.log_lines import MIB, LogObserver
from sdp_serving.contract.artifact import ModelUri, Version
from sdp_serving.contract.components import Component

URI = ModelUri.parse("gs://demo/sd/decoder")


@pytest.fixture
def request_() -> Request:
    return Request(toy_source(Component.DECODER, Path("base.npz")), URI)


def test_every_step_is_a_line(request_: Request) -> None:
    said: list[str] = []
    observer = LogObserver(said.append)
    observer.writing(request_)
    observer.publishing(request_, 3 * MIB)(3 * MIB)
    observer.published(request_, URI.at(Version(7)))
    observer.unchanged(request_, URI.at(Version(7)))
    assert said == [
        "toy/base decoder: building and saving",
        "toy/base decoder: storing 3.0 MiB at gs://demo/sd/decoder",
        "toy/base decoder: stored 100 %",
        "toy/base decoder: published as version 7",
        "toy/base decoder: unchanged, version 7 is the same model",
    ]


def test_a_long_upload_says_every_tenth_and_no_more(request_: Request) -> None:
    said: list[str] = []
    stored = LogObserver(said.append).publishing(request_, 1000)
    for _ in range(1000):
        stored(1)
    percentages = [line.rpartition("stored ")[2] for line in said[1:]]
    assert percentages == [f"{percent} %" for percent in range(10, 101, 10)]


def test_an_empty_model_is_no_division_by_zero(request_: Request) -> None:
    said: list[str] = []
    LogObserver(said.append).publishing(request_, 0)(0)
    assert said == ["toy/base decoder: storing 0.0 MiB at gs://demo/sd/decoder"]
