"""The load under which models are swapped."""

import threading

import pytest
from benchmarks.swap.load import steady_load
from benchmarks.swap.models import Picture
from tests.support.eventually import eventually

from sdp_serving.client import PipelineError


def test_a_load_has_caught_up_when_what_has_waited_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.swap.load._LATE_SECONDS", 0.2)
    may_answer = threading.Event()

    def ask() -> Picture:
        may_answer.wait()
        raise PipelineError("nobody is there")

    with steady_load(ask, a_second=20) as load:
        assert load.has_caught_up()
        eventually(lambda: not load.has_caught_up(), "a request has waited for long")
        may_answer.set()
        eventually(load.has_caught_up, "all that waited have failed")
    assert {sample.error for sample in load.samples} == {"nobody is there"}
