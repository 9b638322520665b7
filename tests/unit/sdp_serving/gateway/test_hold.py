"""Holding, in virtual time and with model servers that are none; test_held_requests.py has the sockets."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import virtual_time

from sdp_serving.contract.components import Component
from sdp_serving.gateway import hold as hold_module
from sdp_serving.gateway.hold import AwayError, CutError, Hold, NoRoomError
from sdp_serving.gateway.metrics import Metrics

DECODER = Component.DECODER


@dataclass
class Server:
    """Is away at times, and ends with all that it has under way.

    Attributes:
        away: from when to when.
        work: the seconds that a request takes.
        begun: the requests in the order in which they got through.
        tried: when somebody tried.
    """

    away: list[tuple[float, float]]
    work: float = 1.0
    begun: list[int] = field(default_factory=list)
    tried: list[float] = field(default_factory=list)

    def attempt(self, request: int) -> Callable[[Callable[[], None]], Awaitable[Any]]:
        """What sends a request; its answer is the request itself."""

        async def send(connected: Callable[[], None]) -> int:
            now = asyncio.get_running_loop().time()
            self.tried.append(now)
            if any(start <= now < end for start, end in self.away):
                raise AwayError("refused")
            connected()
            self.begun.append(request)
            await asyncio.sleep(self.work)
            if any(now < start <= now + self.work for start, _ in self.away):
                raise CutError("reset")
            return request

        return send


def _hold(seconds: float) -> Hold:
    return Hold([DECODER], Metrics([DECODER], clock=lambda: 0.0), seconds=seconds)


async def _all(hold: Hold, server: Server, arrivals: list[float]) -> list[Any]:
    """What becomes of requests that come at these times."""

    async def one(request: int, arrival: float) -> Any:
        await asyncio.sleep(arrival)
        return await hold.send(DECODER, server.attempt(request), None)

    return await asyncio.gather(*(one(*each) for each in enumerate(arrivals)), return_exceptions=True)


@settings(deadline=None)
@given(
    # In milliseconds; no two at once, since the order of those is nobody's.
    arrivals=st.lists(st.integers(0, 60_000), min_size=1, max_size=60, unique=True).map(
        lambda chosen: [number / 1000 for number in sorted(chosen)]
    ),
    start=st.floats(0.5, 30),
    length=st.floats(0.1, 60),
    work=st.sampled_from([0.001, 0.3, 5]),
)
def test_no_request_fails_and_none_is_overtaken_while_the_server_is_away(
    arrivals: list[float], start: float, length: float, work: float
) -> None:
    server = Server([(start, start + length)], work)

    answers = virtual_time.run(_all(_hold(120), server, arrivals))

    assert answers == list(range(len(arrivals)))
    came_meanwhile = [number for number, arrival in enumerate(arrivals) if start <= arrival < start + length]
    got_through = [number for number in server.begun if number in came_meanwhile]
    assert got_through == came_meanwhile


def test_only_the_foremost_tries() -> None:
    server = Server([(0, 20)])

    virtual_time.run(_all(_hold(60), server, [number / 10 for number in range(100)]))

    meanwhile = [when for when in server.tried if when < 20]
    assert len(meanwhile) <= 20 / 0.2 + 2, "the first one's, and then one in every fifth of a second"


def test_a_request_waits_as_long_as_it_may_and_no_longer() -> None:
    async def scenario() -> None:
        server = Server([(0, 1000)])
        for request, seconds in enumerate((0.5, 30)):
            started = asyncio.get_running_loop().time()
            with pytest.raises(AwayError):
                await _hold(seconds).send(DECODER, server.attempt(request), None)
            assert asyncio.get_running_loop().time() - started == pytest.approx(seconds)

    virtual_time.run(scenario())


def test_what_is_not_to_wait_fails_at_once() -> None:
    server = Server([(0, 10)])

    [failure] = virtual_time.run(_all(_hold(0), server, [1]))

    assert isinstance(failure, AwayError)
    assert server.tried == [1]


def test_an_answer_may_take_longer_than_a_request_may_wait() -> None:
    server = Server([(0, 5)], work=1000)

    assert virtual_time.run(_all(_hold(10), server, [1, 2, 3])) == [0, 1, 2]


def test_a_request_that_waits_again_may_wait_as_long_again() -> None:
    server = Server([(0, 5), (20, 25)], work=30)

    assert virtual_time.run(_all(_hold(10), server, [1])) == [0]
    assert server.begun == [0, 0]


def test_a_request_that_ends_one_server_after_the_other_is_not_made_again_for_ever() -> None:
    server = Server([(number * 10 + 0.5, number * 10 + 5) for number in range(20)], work=6)

    [failure] = virtual_time.run(_all(_hold(1000), server, [0]))

    assert isinstance(failure, CutError)
    assert server.begun == [0, 0, 0]


def test_who_gives_up_lets_the_next_one_try() -> None:
    async def scenario() -> None:
        server = Server([(0, 10)])
        hold = _hold(60)
        waiting = [asyncio.ensure_future(hold.send(DECODER, server.attempt(number), None)) for number in range(4)]
        for number in (0, 2):
            await asyncio.sleep(1)
            waiting[number].cancel()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [True, False, True, False]
        assert server.begun == [1, 3]
        await hold.send(DECODER, server.attempt(9), None)
        assert server.begun[-1] == 9, "nothing is left of those who gave up"

    virtual_time.run(scenario())


def test_no_more_wait_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold_module, "MOST_HELD", 3)

    answers = virtual_time.run(_all(_hold(60), Server([(0, 10)]), [1, 2, 3, 4, 5, 11]))

    assert [type(answer) for answer in answers] == [int, int, int, NoRoomError, NoRoomError, int]


def test_a_gateway_that_stops_lets_none_wait_longer_than_it_can() -> None:
    async def scenario() -> list[Any]:
        hold = _hold(100)
        asking = asyncio.ensure_future(_all(hold, Server([(0, 50)]), [1, 2, 12, 13]))
        await asyncio.sleep(10)
        hold.end_within(20)
        answers = await asking
        assert asyncio.get_running_loop().time() == pytest.approx(30)
        return answers

    assert [type(answer) for answer in virtual_time.run(scenario())] == [AwayError] * 4
