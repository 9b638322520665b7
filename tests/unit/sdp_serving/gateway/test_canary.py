"""Two models behind one gateway: who is asked, what the client is told, what is counted."""

import asyncio
import json
import random
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from tests.support.gateway_front import front, model_server, until

from sdp_serving.contract.components import Component
from sdp_serving.gateway import kept_body, pass_through
from sdp_serving.gateway.config import Config

UNET = Component.DIFFUSION_MODEL
STABLE = f"/v1/models/{UNET}:predict"
CANARY = f"/v1/models/{UNET}/versions/5:predict"
HEADER = "X-Sdpipeline-Variant"


def _routes(folder: Path, percent: int, **place: Any) -> Path:
    canary = {**(place or {"version": 5}), "percent": percent, "model": "gs://b/unet"}
    file = folder / "routes.json"
    file.write_text(json.dumps({"canaries": {UNET: canary}}))
    return file


def test_the_canary_gets_its_part_and_answers_say_who_made_them(tmp_path: Path) -> None:
    requests, part = 500, 0.1

    async def scenario() -> None:
        draw = random.Random(1).random
        routes = _routes(tmp_path, 10)
        async with model_server() as server, front(Config({UNET: server.url}, routes=routes), draw) as gateway:
            said = [(await gateway.predict(UNET, b"x")).headers[HEADER] for _ in range(requests)]
            asked = [{STABLE: "stable", CANARY: "canary"}[path] for path, _ in server.asked]
            assert said == asked
            found = said.count("canary")
            assert abs(found - requests * part) < 4 * sqrt(requests * part * (1 - part))
            assert await gateway.sample("predictions_total", variant="canary", code="200") == found
            assert await gateway.sample("predictions_total", variant="stable", code="200") == requests - found
            assert await gateway.sample("prediction_duration_seconds_count", variant="canary") == found

    asyncio.run(scenario())


def test_a_request_may_choose_and_is_told_what_there_is_to_choose_from(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with model_server() as server:
            file = _routes(tmp_path, 50)
            async with front(Config({UNET: server.url}, routes=file)) as gateway:
                for variant in ("canary", "stable"):
                    answer = await gateway.predict(UNET, b"x", X_Sdpipeline_Variant=variant)
                    assert answer.headers[HEADER] == variant
                assert [path for path, _ in server.asked] == [CANARY, STABLE]
                refused = await gateway.predict(UNET, b"x", X_Sdpipeline_Variant="new")
                assert refused.status == 400
                assert refused.error == f"{HEADER}: new names no variant: write stable or canary, or leave it out"
                file.unlink()
                answer = await gateway.predict(UNET, b"x", X_Sdpipeline_Variant="canary")
                assert (answer.status, answer.headers[HEADER]) == (200, "stable"), "as while a canary goes"
                assert HEADER not in (await gateway.predict(UNET, b"x")).headers

    asyncio.run(scenario())


def test_a_canary_that_is_gone_fails_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with model_server() as server:
            server.missing.add(CANARY)
            async with front(Config({UNET: server.url}, routes=_routes(tmp_path, 100))) as gateway:
                answer = await gateway.predict(UNET, b"body")
                assert (answer.status, answer.body, answer.headers[HEADER]) == (200, b"body", "stable")
                assert server.asked == [(CANARY, b"body"), (STABLE, b"body")]
                assert await gateway.sample("predictions_total", variant="stable", code="200") == 1
                assert await gateway.sample("predictions_total", variant="canary") == 0

    asyncio.run(scenario())


def test_a_canary_gets_held_requests_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with model_server() as server:
            config = Config({UNET: server.url}, hold_seconds=30, routes=_routes(tmp_path, 100))
            async with front(config) as gateway:
                server.gate.clear()
                waiting = asyncio.create_task(gateway.predict(UNET, b"body"))
                await until(lambda: server.asked, "the server has it")
                await server.go()
                server.gate.set()
                await server.come()
                assert (await waiting).headers[HEADER] == "canary"
                assert server.asked == [(CANARY, b"body")] * 2

    asyncio.run(scenario())


def test_a_canary_with_a_server_of_its_own_is_asked_there_and_fails_nobody_when_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with model_server() as server, model_server() as own:
            monkeypatch.setattr(pass_through, "REST_PORT", own.url.port)
            config = Config({UNET: server.url}, hold_seconds=30, routes=_routes(tmp_path, 100, host="127.0.0.1"))
            async with front(config) as gateway:
                answer = await gateway.predict(UNET, b"body")
                assert (answer.status, answer.headers[HEADER]) == (200, "canary")
                assert (own.asked, server.asked) == ([(STABLE, b"body")], [])

                own.gate.clear()
                cut = asyncio.create_task(gateway.predict(UNET, b"cut"))
                await until(lambda: len(own.asked) == 2, "the canary has it")
                await own.go()
                for sent in (cut, gateway.predict(UNET, b"away")):
                    answer = await sent
                    assert (answer.status, answer.headers[HEADER]) == (200, "stable")
                assert server.asked == [(STABLE, b"cut"), (STABLE, b"away")]
                assert await gateway.sample("predictions_total", variant="canary", code="200") == 1
                assert await gateway.sample("predictions_total", variant="stable", code="200") == 2

    asyncio.run(scenario())


def test_what_cannot_be_sent_again_to_the_other_model_fails_with_a_canary_that_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with model_server() as server, model_server() as own:
            monkeypatch.setattr(pass_through, "REST_PORT", own.url.port)
            monkeypatch.setattr(kept_body, "MOST_BYTES", 3)
            async with front(Config({UNET: server.url}, routes=_routes(tmp_path, 100, host="127.0.0.1"))) as gateway:
                own.gate.clear()
                cut = asyncio.create_task(gateway.predict(UNET, b"too much"))
                await until(lambda: own.asked, "the canary has it")
                await own.go()
                assert (await cut).status == 502
                assert server.asked == []
                assert (await gateway.predict(UNET, b"too much")).headers[HEADER] == "stable", "nothing was sent yet"

    asyncio.run(scenario())
