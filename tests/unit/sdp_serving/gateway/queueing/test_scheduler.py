import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from sdp_serving.gateway.queueing.scheduler import Limits, Part, QueueFullError, Scheduler, StoppingError, Ticket


class _Watcher:
    def __init__(self) -> None:
        self.waiting = 0
        self.sizes: list[int] = []

    def waits(self, count: int) -> None:
        self.waiting = count

    def begins(self, pictures: int, waited: Sequence[float]) -> None:
        self.sizes.append(pictures)


class _Bench:
    """A scheduler whose batches are drawn when the test says so."""

    def __init__(self, *, waiting: int = 8, pictures: int = 4, servers: int = 1) -> None:
        self.watcher = _Watcher()
        self.batches: list[list[str]] = []
        self.stopped: list[list[str]] = []
        self.bad: set[str] = set()
        self._may_end = asyncio.Semaphore(0)
        self.drawn_early = False
        self.scheduler: Scheduler[str, str] = Scheduler(
            self._draw,
            Limits(waiting, pictures),
            servers=lambda: servers,
            is_shared_fault=lambda fault: isinstance(fault, ConnectionError),
            watcher=self.watcher,
            clock=asyncio.get_running_loop().time,
        )

    def ask(self, order: str, *, pictures: int = 1, together: str | None = "all") -> "asyncio.Task[str]":
        """The client is the order's first letter."""

        async def result() -> str:
            [made] = await self.scheduler.results(order[0], [Part(order, pictures, together)])
            return made

        return asyncio.create_task(result())

    def let_end(self, batches: int = 100) -> None:
        """Let so many batches come to their end."""
        for _ in range(batches):
            self._may_end.release()

    async def _draw(self, tickets: Sequence[Ticket[str, str]], is_drawn: Callable[[], None]) -> Sequence[str]:
        orders = [ticket.order for ticket in tickets]
        self.batches.append(orders)
        try:
            if self.drawn_early:
                is_drawn()
            await self._may_end.acquire()
        except asyncio.CancelledError:
            self.stopped.append(orders)
            raise
        if "gone" in orders:
            raise ConnectionError("gone")
        if self.bad & set(orders):
            raise ValueError("bad")
        return [order.upper() for order in orders]


def _run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 10))


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_what_fits_together_is_drawn_together_across_clients() -> None:
    async def scenario() -> None:
        bench = _Bench()
        first = bench.ask("a0")
        await _settle()
        others = [bench.ask(order) for order in ("a1", "a2", "b1", "c1", "c2")]
        await _settle()
        assert bench.batches == [["a0"]]
        assert bench.watcher.waiting == 5
        bench.let_end()

        assert await asyncio.gather(first, *others) == ["A0", "A1", "A2", "B1", "C1", "C2"]
        assert bench.batches == [["a0"], ["a1", "b1", "c1", "a2"], ["c2"]]
        assert bench.watcher.sizes == [1, 4, 1]
        assert (bench.scheduler.waiting, bench.scheduler.running, bench.watcher.waiting) == (0, 0, 0)

    _run(scenario)


def test_what_does_not_fit_or_is_for_itself_waits_for_another_batch() -> None:
    async def scenario() -> None:
        bench = _Bench()
        bench.let_end()
        asked = [
            bench.ask("a1", pictures=3),
            bench.ask("b1", pictures=2),
            bench.ask("c1", together="other"),
            bench.ask("d1", together=None),
            bench.ask("e1", together=None),
            bench.ask("f1"),
        ]
        await asyncio.gather(*asked)

        assert bench.batches == [["a1"], ["b1", "f1"], ["c1"], ["d1"], ["e1"]]

    _run(scenario)


def test_as_many_batches_are_drawn_at_a_time_as_there_are_servers() -> None:
    async def scenario() -> None:
        bench = _Bench(pictures=1, servers=2)
        asked = [bench.ask(order) for order in ("a1", "b1", "c1")]
        await _settle()
        assert (len(bench.batches), bench.scheduler.running, bench.scheduler.waiting) == (2, 2, 1)
        bench.let_end()
        await asyncio.gather(*asked)

    _run(scenario)


def test_the_next_batch_begins_once_the_diffusion_model_is_done_with_the_one_before() -> None:
    async def scenario() -> None:
        bench = _Bench(pictures=1)
        bench.drawn_early = True
        asked = [bench.ask(order) for order in ("a1", "b1")]
        await _settle()
        assert bench.batches == [["a1"], ["b1"]]
        bench.let_end()
        await asyncio.gather(*asked)

    _run(scenario)


def test_what_nobody_waits_for_is_not_drawn() -> None:
    async def scenario() -> None:
        bench = _Bench(pictures=2)
        first = bench.ask("x0")
        await _settle()
        asked = {order: bench.ask(order) for order in ("a1", "b1", "c1", "d1")}
        bench.let_end(1)
        await first
        assert bench.batches[1:] == [["a1", "b1"]]
        for gone in ("c1", "a1"):
            asked[gone].cancel()
        await _settle()
        assert bench.stopped == [], "b1 is still wanted"
        asked["b1"].cancel()
        await _settle()
        assert bench.stopped == [["a1", "b1"]]
        bench.let_end()

        assert await asked["d1"] == "D1"
        assert bench.batches[2:] == [["d1"]]

    _run(scenario)


def test_one_more_than_may_wait_is_told_when_to_come_back() -> None:
    async def scenario() -> None:
        bench = _Bench(waiting=2, pictures=1)
        asked = [bench.ask(order) for order in ("a1", "b1", "c1")]
        await _settle()

        with pytest.raises(QueueFullError) as full:
            bench.scheduler.check_room()
        assert 1 <= full.value.retry_seconds <= 60
        bench.let_end()
        await asyncio.gather(*asked)
        bench.scheduler.check_room()

    _run(scenario)


def test_who_comes_at_the_same_time_as_others_is_not_let_in_beyond_the_limit() -> None:
    async def scenario() -> None:
        bench = _Bench(waiting=2, pictures=1)
        asked = [bench.ask(f"{number}") for number in range(50)]
        await _settle()
        assert bench.scheduler.waiting == 2
        bench.let_end()
        results = await asyncio.gather(*asked, return_exceptions=True)

        assert sum(isinstance(result, QueueFullError) for result in results) == 47
        assert results[:3] == ["0", "1", "2"]

    _run(scenario)


def test_a_request_of_several_parts_waits_as_one() -> None:
    async def scenario() -> None:
        bench = _Bench(waiting=2, pictures=1)
        parts = [Part(f"a{number}", 1, "all") for number in range(4)]
        large = asyncio.create_task(bench.scheduler.results("a", parts))
        await _settle()
        assert (bench.scheduler.waiting, bench.watcher.waiting) == (1, 1)
        other = bench.ask("b1")
        await _settle()
        assert (bench.scheduler.waiting, bench.watcher.waiting) == (2, 2)
        bench.let_end()

        assert await large == ["A0", "A1", "A2", "A3"]
        assert await other == "B1"

    _run(scenario)


def test_an_error_in_one_part_ends_the_others() -> None:
    async def scenario() -> None:
        bench = _Bench(pictures=1)
        bench.bad.add("a0")
        asked = asyncio.create_task(bench.scheduler.results("a", [Part(order, 1, "all") for order in ("a0", "a1")]))
        bench.let_end()
        with pytest.raises(ValueError, match="bad"):
            await asked
        await _settle()

        assert (bench.scheduler.waiting, bench.scheduler.running) == (0, 0)

    _run(scenario)


def test_what_is_drawn_once_more_by_itself_waits_for_a_server_too() -> None:
    async def scenario() -> None:
        bench = _Bench()
        bench.bad.add("b1")
        first = bench.ask("x0")
        await _settle()
        asked = [bench.ask(order) for order in ("a1", "b1", "c1")]
        await _settle()
        bench.drawn_early = True
        bench.let_end(1)
        await _settle()
        bench.drawn_early = False
        bench.let_end(1)
        await _settle()
        assert bench.batches[-1] == ["a1"], "one at a time, since there is one server"
        assert bench.scheduler.waiting == 2
        bench.let_end()
        results = await asyncio.gather(first, *asked, return_exceptions=True)

        assert [str(result) for result in results] == ["X0", "A1", "bad", "C1"]

    _run(scenario)


def test_at_the_end_what_waits_is_told_so_and_what_is_drawn_comes_to_its_end() -> None:
    async def scenario() -> None:
        bench = _Bench(pictures=1)
        drawn = bench.ask("a1")
        await _settle()
        waits = bench.ask("b1")
        await _settle()
        bench.scheduler.stop()
        for late in (waits, bench.ask("c1")):
            with pytest.raises(StoppingError):
                await late
        bench.let_end()

        assert await drawn == "A1"
        assert bench.batches == [["a1"]]
        assert (bench.scheduler.waiting, bench.watcher.waiting) == (0, 0)

    _run(scenario)


def test_a_fault_of_one_order_is_not_its_neighbours() -> None:
    async def scenario() -> None:
        bench = _Bench()
        bench.bad.add("b1")
        bench.let_end()
        first, *asked = [bench.ask(order) for order in ("x0", "a1", "b1", "c1")]
        results = await asyncio.gather(first, *asked, return_exceptions=True)

        assert [str(result) for result in results] == ["X0", "A1", "bad", "C1"]

    _run(scenario)


def test_a_fault_of_the_servers_is_everybodys_and_not_tried_again() -> None:
    async def scenario() -> None:
        bench = _Bench()
        first = bench.ask("x0")
        await _settle()
        asked = [bench.ask(order) for order in ("gone", "a1")]
        await _settle()
        bench.let_end()
        results = await asyncio.gather(first, *asked, return_exceptions=True)

        assert [str(result) for result in results] == ["X0", "gone", "gone"]
        assert bench.batches == [["x0"], ["gone", "a1"]]

    _run(scenario)
