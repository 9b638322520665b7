import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from sdp_operator import work_queue
from sdp_operator.errors import TransientError
from sdp_operator.work_queue import WorkQueue


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_queue, "_FIRST_DELAY", timedelta(milliseconds=1))


def test_calls_during_the_work_end_in_one_more_run() -> None:
    async def scenario() -> None:
        runs, go = 0, asyncio.Event()

        async def work(key: str) -> None:
            nonlocal runs
            runs += 1
            await go.wait()

        queue = WorkQueue(work, concurrency=2)
        queue.call("a")
        await _until(lambda: runs == 1)
        for _ in range(5):
            queue.call("a")
        go.set()
        await _idle(queue)
        assert runs == 2

    asyncio.run(scenario())


def test_a_key_is_never_worked_on_twice_at_a_time_and_others_need_not_wait() -> None:
    async def scenario() -> None:
        working: set[str] = set()
        seen: list[set[str]] = []

        async def work(key: str) -> None:
            assert key not in working
            working.add(key)
            seen.append(set(working))
            for _ in range(5):
                await asyncio.sleep(0)
            working.discard(key)

        queue = WorkQueue(work, concurrency=2)
        for key in "aabbab":
            queue.call(key)
            await asyncio.sleep(0)
        await _idle(queue)
        assert {"a", "b"} in seen

    asyncio.run(scenario())


@pytest.mark.parametrize("error", [TransientError("the API server is away"), ZeroDivisionError()])
def test_what_failed_is_tried_again(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        failures = [error, error]

        async def work(key: str) -> None:
            if failures:
                raise failures.pop()

        queue = WorkQueue(work, concurrency=1)
        queue.call("a")
        await _idle(queue)
        assert failures == []

    asyncio.run(scenario())
    assert len([record for record in caplog.records if record.getMessage().startswith("a: ")]) == 2


def test_work_that_asks_for_it_is_done_again() -> None:
    async def scenario() -> None:
        answers = [None, timedelta(milliseconds=1)]

        async def work(key: str) -> timedelta | None:
            return answers.pop()

        queue = WorkQueue(work, concurrency=1)
        queue.call("a")
        await _idle(queue)
        assert answers == []

    asyncio.run(scenario())


def test_closing_stops_work_that_waits() -> None:
    async def scenario() -> None:
        started = asyncio.Event()

        async def work(key: str) -> None:
            started.set()
            await asyncio.Event().wait()

        queue = WorkQueue(work, concurrency=1)
        queue.call("a")
        await started.wait()
        await queue.close()

    asyncio.run(asyncio.wait_for(scenario(), 10))


async def _idle(queue: WorkQueue[str]) -> None:
    await _until(lambda: not queue.busy)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)
