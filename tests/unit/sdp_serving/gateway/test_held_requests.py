"""A model server goes away under a gateway: what its clients see."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.gateway_front import front, model_server, until

from sdp_serving.contract.components import Component
from sdp_serving.gateway import app as app_module
from sdp_serving.gateway.config import Config
from sdp_serving.gateway.room import room_for_bodies

MEGABYTE = 2**20
UNET = Component.DIFFUSION_MODEL


def test_under_load_no_request_fails_while_the_server_is_away_for_some_seconds() -> None:
    workers, each = 12, 60

    async def scenario() -> None:
        async with model_server() as server, front(Config({UNET: server.url}, hold_seconds=60)) as gateway:

            async def work(worker: int) -> list[int]:
                codes = []
                for number in range(each):
                    body = f"{worker}/{number}".encode()
                    answer = await gateway.predict(UNET, body)
                    codes.append(answer.status if answer.body == body else 0)
                return codes

            working = asyncio.gather(*(work(worker) for worker in range(workers)))
            for answered in (100, 400):
                await until(lambda answered=answered: len(server.asked) >= answered, "there is load")  # type: ignore[misc]
                await server.go()
                await until(lambda: gateway.holds(workers), "everybody waits")
                since = asyncio.get_running_loop().time()
                await until(lambda: asyncio.get_running_loop().time() - since > 1.5, "some seconds pass")  # noqa: B023
                await server.come()
            assert await working == [[200] * each] * workers
            assert await gateway.holds(0)
            assert await gateway.sample("predictions_total", code="200") == workers * each
            assert await gateway.sample("predictions_total") == workers * each
            assert await gateway.sample("held_duration_seconds_count") >= 2 * workers
            assert await gateway.sample("held_duration_seconds_sum") >= 2 * workers

    asyncio.run(scenario())


def test_requests_are_answered_in_the_order_in_which_they_came() -> None:
    requests = 40

    async def scenario() -> None:
        async with model_server() as server, front(Config({UNET: server.url}, hold_seconds=60)) as gateway:
            await server.go()
            waiting = []
            for number in range(requests):
                waiting.append(asyncio.create_task(gateway.predict(UNET, str(number).encode())))
                await until(lambda number=number: gateway.holds(number + 1), "it waits")  # type: ignore[misc]
            assert (await gateway.get("/healthz")).status == 200
            assert (await gateway.get("/readyz")).status == 503
            await server.come()
            assert {answer.status for answer in await asyncio.gather(*waiting)} == {200}
            assert [int(body) for path, body in server.asked if path.endswith(":predict")] == list(range(requests))

    asyncio.run(scenario())


@pytest.mark.parametrize("size", [10, 3 * MEGABYTE])
def test_a_prediction_that_was_cut_in_the_middle_is_made_again_with_the_same_body(size: int) -> None:
    async def scenario() -> None:
        async with model_server() as server, front(Config({UNET: server.url}, hold_seconds=60)) as gateway:
            body = os.urandom(size)
            server.gate.clear()
            waiting = asyncio.create_task(gateway.predict(UNET, body))
            await until(lambda: server.asked, "the server has it whole")
            await server.go()
            await until(lambda: gateway.holds(1), "it waits")
            server.gate.set()
            await server.come()
            answer = await waiting
            assert (answer.status, answer.body) == (200, body)
            assert [sent for _, sent in server.asked] == [body, body]

    asyncio.run(scenario())


def test_a_server_that_goes_while_it_is_sent_a_body_gets_all_of_it_later() -> None:
    async def scenario() -> None:
        async with model_server() as server, front(Config({UNET: server.url}, hold_seconds=60)) as gateway:
            more = asyncio.Event()

            async def slowly() -> AsyncIterator[bytes]:
                yield b"begin"
                await more.wait()
                yield b"end"

            waiting = asyncio.create_task(gateway.predict(UNET, slowly()))
            await until(lambda: server.begun, "the server has the beginning")
            await server.go()
            more.set()
            await until(lambda: gateway.holds(1), "it waits")
            await server.come()
            answer = await waiting
            assert (answer.status, answer.body) == (200, b"beginend")

    asyncio.run(scenario())


def test_a_client_that_leaves_waits_no_longer() -> None:
    async def scenario() -> None:
        async with model_server() as server, front(Config({UNET: server.url}, hold_seconds=60)) as gateway:
            await server.go()
            tasks = [
                asyncio.create_task(gateway.predict(UNET, os.urandom(size))) for size in (1, MEGABYTE, 4 * MEGABYTE)
            ]
            await until(lambda: gateway.holds(3), "they wait")
            for left, task in enumerate(tasks, start=1):
                task.cancel()
                await until(lambda left=left: gateway.holds(3 - left), "it is gone")  # type: ignore[misc]
            await server.come()
            assert (await gateway.predict(UNET, b"next")).status == 200
            assert [body for _, body in server.asked] == [b"next"]
            assert await gateway.sample("predictions_total", code="499") == 3

    asyncio.run(scenario())


def test_who_has_waited_long_enough_is_told_to_come_back() -> None:
    async def scenario() -> None:
        async with model_server() as server, front(Config({UNET: server.url}, hold_seconds=0.5)) as gateway:
            await server.go()
            answer = await gateway.predict(UNET, b"x")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
            assert "cannot be reached now: see why with" in answer.error
            assert await gateway.holds(0)

    asyncio.run(scenario())


def test_who_waits_while_the_gateway_is_stopped_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "HELD_AT_THE_END_SECONDS", 0.3)

    async def scenario() -> None:
        async with model_server() as server, front(Config({UNET: server.url}, hold_seconds=60)) as gateway:
            await server.go()
            waiting = asyncio.create_task(gateway.predict(UNET, b"x"))
            await until(lambda: gateway.holds(1), "it waits")
            await gateway.stop()
            answer = await waiting
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")

    asyncio.run(scenario())


def test_bodies_that_there_is_no_room_for_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "room_for_bodies", lambda: 3 * MEGABYTE)

    async def scenario() -> None:
        async with model_server() as server, front(Config({UNET: server.url}, hold_seconds=60)) as gateway:
            await server.go()
            held = asyncio.create_task(gateway.predict(UNET, bytes(2 * MEGABYTE)))
            await until(lambda: gateway.holds(1), "the first one has room")
            refused = await gateway.predict(UNET, bytes(2 * MEGABYTE))
            assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
            assert "no room to hold the request" in refused.error
            small = asyncio.create_task(gateway.predict(UNET, bytes(MEGABYTE // 2)))
            await until(lambda: gateway.holds(2), "a small one has room too")
            await server.come()
            assert [answer.status for answer in await asyncio.gather(held, small)] == [200, 200]
            again = await gateway.predict(UNET, bytes(8 * MEGABYTE))
            assert again.status == 200, "one that cannot be kept passes all the same"

    asyncio.run(scenario())


def test_bodies_take_no_more_than_half_of_the_memory(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    assert room_for_bodies(limit) == 256 * MEGABYTE
    for content, room in (("max\n", 256 * MEGABYTE), ("134217728\n", 64 * MEGABYTE)):
        limit.write_text(content)
        assert room_for_bodies(limit) == room
