import asyncio
import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.support import virtual_time

from sdp_operator import work_queue
from sdp_operator.errors import RefusedError, TransientError
from sdp_operator.telemetry import logs
from sdp_operator.work_queue import Result, WorkQueue


@pytest.fixture
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


def test_a_storm_of_calls_is_worked_on_a_few_times_a_second_and_its_last_call_is_not_lost() -> None:
    async def scenario() -> None:
        called_at, worked_at = 0.0, [-1.0]

        async def work(key: str) -> None:
            worked_at.append(asyncio.get_running_loop().time())

        queue = WorkQueue(work, concurrency=1)
        for _ in range(100):
            called_at = asyncio.get_running_loop().time()
            queue.call("a")
            await asyncio.sleep(0.01)
        await _idle(queue)
        assert len(worked_at) <= 8
        assert worked_at[-1] >= called_at

    virtual_time.run(scenario())


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


@pytest.mark.usefixtures("impatient")
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


def test_closing_stops_work_that_does_not_finish() -> None:
    async def scenario() -> None:
        started = asyncio.Event()

        async def work(key: str) -> None:
            started.set()
            await asyncio.Event().wait()

        queue = WorkQueue(work, concurrency=1)
        queue.call("a")
        await started.wait()
        await queue.close()
        assert not queue.busy

    virtual_time.run(scenario())


def test_closing_waits_no_longer_than_the_work_takes_although_it_is_to_be_done_again_later() -> None:
    async def scenario() -> None:
        started, go = asyncio.Event(), asyncio.Event()

        async def work(key: str) -> timedelta | None:
            started.set()
            await go.wait()
            return timedelta(seconds=30)

        queue = WorkQueue(work, concurrency=1)
        queue.call("a")
        await started.wait()
        closing = asyncio.create_task(queue.close())
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        go.set()
        await closing
        assert asyncio.get_running_loop().time() == began

    virtual_time.run(scenario())


class Log:
    """Notes what a queue tells."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []
        self.results: list[Result] = []
        self.retries = 0

    def queue_changed(self, waiting: int, working: int) -> None:
        self.sizes.append((waiting, working))

    def worked(self, result: Result, seconds: float) -> None:
        assert seconds >= 0
        self.results.append(result)

    def retrying(self) -> None:
        self.retries += 1


@pytest.mark.usefixtures("impatient")
def test_it_tells_how_each_run_ended_and_how_many_wait() -> None:
    async def scenario() -> None:
        errors: list[Exception] = [RefusedError("no"), TransientError("later"), ZeroDivisionError()]
        log = Log()

        async def work(key: str) -> None:
            await asyncio.sleep(0)
            if errors:
                raise errors.pop()

        queue = WorkQueue(work, concurrency=1, observer=log)
        queue.call("a")
        await _idle(queue)
        assert log.results == [Result.DEFECT, Result.TRANSIENT, Result.REFUSED, Result.OK]
        assert log.retries == 3
        queue.call("a")
        queue.call("b")
        await _idle(queue)
        assert (1, 1) in log.sizes
        assert log.sizes[-1] == (0, 0)

    asyncio.run(scenario())


def test_a_storm_of_calls_for_a_key_with_a_defect_does_not_spin() -> None:
    async def scenario() -> None:
        runs: list[float] = []

        async def work(key: str) -> None:
            runs.append(asyncio.get_running_loop().time())
            raise ZeroDivisionError

        queue = WorkQueue(work, concurrency=1)
        for _ in range(1000):
            queue.call("a")
            await asyncio.sleep(0.01)
        await queue.close()
        # Ten seconds: no more than one run each, and no fewer, since a call may be the news that mends it.
        assert 10 <= len(runs) <= 11

    virtual_time.run(scenario())


def test_without_calls_what_fails_is_tried_less_and_less_often(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        runs: list[float] = []

        async def work(key: str) -> None:
            runs.append(asyncio.get_running_loop().time())
            raise ZeroDivisionError

        queue = WorkQueue(work, concurrency=1)
        queue.call("a")
        await asyncio.sleep(600)
        await queue.close()
        gaps = [later - earlier for earlier, later in itertools.pairwise(runs)]
        assert gaps[:8] == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])

    virtual_time.run(scenario())
    assert [bool(record.exc_info) for record in caplog.records][:3] == [True, False, False]


def test_lines_that_the_work_logs_name_the_key() -> None:
    seen: list[str | None] = []

    async def work(key: str) -> None:
        seen.append(logs.current())

    async def scenario() -> None:
        queue = WorkQueue(work, concurrency=2)
        queue.call("art/a")
        queue.call("art/b")
        await _idle(queue)

    asyncio.run(scenario())
    assert seen == ["art/a", "art/b"]


def test_closing_lets_work_finish_and_begins_no_more() -> None:
    async def scenario() -> None:
        done: list[str] = []

        async def work(key: str) -> timedelta:
            await asyncio.sleep(1)
            done.append(key)
            return timedelta(seconds=1)

        queue = WorkQueue(work, concurrency=1)
        queue.call("a")
        queue.call("b")
        await asyncio.sleep(0.1)
        queue.call("a")
        await queue.close()
        queue.call("c")
        await asyncio.sleep(100)
        assert done == ["a"]
        assert not queue.busy

    virtual_time.run(scenario())


async def _idle(queue: WorkQueue[str]) -> None:
    await _until(lambda: not queue.busy)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)
