import logging

import pytest
from aiohttp import web

from sdp_serving.gateway.openai.faults import refusal_of_fault
from sdp_serving.gateway.queueing.scheduler import StoppingError


def test_what_is_the_gateways_own_fault_is_told_and_logged_without_what_was_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    prompt = "never seen"
    try:
        raise KeyError(prompt)
    except KeyError as failure:
        with caplog.at_level(logging.ERROR):
            refusal = refusal_of_fault(failure)

    assert (refusal.status, refusal.body.error.type) == (500, "server_error")
    assert prompt not in refusal.message + caplog.text
    assert "KeyError" in caplog.text
    assert "test_faults.py" in caplog.text


def test_a_gateway_that_stops_says_when_to_come_back() -> None:
    refusal = refusal_of_fault(StoppingError())

    assert (refusal.status, refusal.code, refusal.headers) == (503, "stopping", {"Retry-After": "1"})


def test_a_body_that_breaks_off_is_its_clients_fault() -> None:
    assert refusal_of_fault(web.RequestPayloadError("invalid chunk")).status == 400
