import asyncio
import json

import pytest
from aiohttp import web
from yarl import URL

from sdp_serving.contract.components import Component
from sdp_serving.gateway.readiness import Readiness, Report, ServerState, read_state
from sdp_serving.gateway.session import open_session


def _versions(*states: tuple[str, str]) -> bytes:
    return json.dumps(
        {
            "model_version_status": [
                {"version": str(number), "state": state, "status": {"error_code": "X", "error_message": message}}
                for number, (state, message) in enumerate(states, start=1)
            ]
        }
    ).encode()


ANSWERS: dict[str, tuple[int, bytes, str | None]] = {
    "one version available": (200, _versions(("END", ""), ("AVAILABLE", "")), None),
    "a version that loads": (200, _versions(("LOADING", "")), "version 1 is LOADING"),
    "a version that failed": (
        200,
        _versions(("END", "no such file"), ("START", "")),
        "version 1 is END (no such file); version 2 is START",
    ),
    "no version": (200, _versions(), "it has no version of the model"),
    "an unknown model": (404, b'{"error": "Could not find any versions"}', "Could not find any versions"),
    "an error in another form": (503, b"{}", "it did not answer as TensorFlow Serving does (HTTP 503)"),
    "another program": (200, b"<html>", "it did not answer as TensorFlow Serving does (HTTP 200)"),
    "other JSON": (200, b"[]", "it did not answer as TensorFlow Serving does (HTTP 200)"),
    "bytes that are no text": (200, b"\xff", "it did not answer as TensorFlow Serving does (HTTP 200)"),
    "a list of something else": (
        200,
        b'{"model_version_status": [1]}',
        "it did not answer as TensorFlow Serving does (HTTP 200)",
    ),
}


@pytest.mark.parametrize(("status", "body", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_a_model_is_ready_only_when_a_version_is_available(status: int, body: bytes, reason: str | None) -> None:
    assert read_state(status, body).reason == reason
    assert read_state(status, body).is_ready == (reason is None)


def test_a_report_is_asked_for_once_a_second_however_many_want_it() -> None:
    asked = 0
    now = 100.0

    async def state(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(body=_versions(("AVAILABLE", "")))

    async def ask() -> list[int]:
        nonlocal now
        app = web.Application()
        app.router.add_get("/v1/models/decoder", state)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with open_session() as session:
            url = URL(f"http://127.0.0.1:{runner.addresses[0][1]}")
            readiness = Readiness({Component.DECODER: url}, session, clock=lambda: now)
            counts = []
            for seconds in (0.0, 0.9, 0.2):
                now += seconds
                reports: list[Report] = await asyncio.gather(*(readiness.report() for _ in range(10)))
                assert reports == [{Component.DECODER: ServerState(None, 1)}] * 10
                counts.append(asked)
        await runner.cleanup()
        return counts

    assert asyncio.run(ask()) == [1, 1, 2]
