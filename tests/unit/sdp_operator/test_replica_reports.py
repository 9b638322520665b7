import asyncio
import socket
from collections.abc import Iterator

import aiohttp
import pytest
from tests.support.fake_puller import FakePuller
from tests.support.pipelines import pulled

from sdp_operator import replica_reports
from sdp_operator.replica_reports import ask
from sdp_serving.contract.components import Component
from sdp_serving.contract.swap import REPORT_PORT, ModelNumber, NumberedModel, PodModels

DESIRED = PodModels(serving=NumberedModel(number=ModelNumber(7), uri="gs://good/a"))


@pytest.fixture
def puller() -> Iterator[FakePuller]:
    puller = FakePuller(pulled(Component.DECODER, "gs://good/a"), "1", lambda: DESIRED)
    yield puller
    puller.close()


def test_pods_are_asked_and_those_that_do_not_answer_left_out(puller: FakePuller) -> None:
    told = asyncio.run(ask({"answers": puller.address, "refuses": "127.99.99.99", "is-no-address": "[::"}))
    assert list(told) == ["answers"]
    assert told["answers"].serving == 7


def test_nobody_is_asked_at_rest() -> None:
    assert asyncio.run(ask({})) == {}


def test_a_pod_that_never_answers_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_reports, "_TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    with socket.create_server(("127.99.99.98", REPORT_PORT)):
        assert asyncio.run(ask({"silent": "127.99.99.98"})) == {}


def test_what_is_no_report_is_none(puller: FakePuller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_reports, "_LARGEST", 10)
    assert asyncio.run(ask({"talks-too-much": puller.address})) == {}
