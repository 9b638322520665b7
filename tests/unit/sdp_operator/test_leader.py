"""Candidates for one Lease, in a time that only passes while they wait."""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support import virtual_time

from sdp_operator.errors import TransientError
from sdp_operator.leader import Election, LeadershipLostError, Move, Sighting, decide, holder_of
from sdp_operator.lease import ConflictError
from sdp_operator.objects import KubeObject

Answer = TypeVar("Answer")

FREE = {"spec": {"holderIdentity": "", "leaseDurationSeconds": 15}}
MINE = {"spec": {"holderIdentity": "me", "leaseDurationSeconds": 15}}
HERS = {"spec": {"holderIdentity": "her", "leaseDurationSeconds": 15}}
LONG = {"spec": {"holderIdentity": "her", "leaseDurationSeconds": 60}}
ODD: KubeObject = {"spec": {"holderIdentity": "her"}}


@pytest.mark.parametrize(
    ("lease", "age", "move"),
    [
        (None, 0, Move.ACQUIRE),
        ({}, 0, Move.ACQUIRE),
        (FREE, 0, Move.ACQUIRE),
        (MINE, 0, Move.RENEW),
        (MINE, 100, Move.RENEW),
        (HERS, 0, Move.WAIT),
        (HERS, 14.9, Move.WAIT),
        (HERS, 15, Move.ACQUIRE),
        (LONG, 59.9, Move.WAIT),
        (LONG, 60, Move.ACQUIRE),
        (ODD, 14.9, Move.WAIT),
        (ODD, 15, Move.ACQUIRE),
    ],
)
def test_a_candidate_may_take_what_is_free_or_was_long_not_renewed(
    lease: KubeObject | None, age: float, move: Move
) -> None:
    assert decide(Sighting(lease, since=1000), "me", now=1000 + age) is move


def test_only_a_change_of_the_lease_that_was_seen_puts_the_taking_off() -> None:
    seen = Sighting(HERS, since=1)
    assert seen.followed_by({**HERS, "metadata": {"annotations": {"by": "somebody"}}}, now=9).since == 1
    renewed = {"spec": {**HERS["spec"], "renewTime": "at any time, past or future"}}
    assert seen.followed_by(renewed, now=9).since == 9


@dataclass
class DictLease:
    """A Lease as the API server keeps it."""

    lease: KubeObject | None = None
    version: int = 0

    async def read(self) -> KubeObject | None:
        return copy.deepcopy(self.lease)

    async def write(self, spec: KubeObject, over: KubeObject | None) -> KubeObject:
        if (over or {}).get("metadata") != (self.lease or {}).get("metadata"):
            raise ConflictError("the object has been modified")
        self.version += 1
        self.lease = {"metadata": {"resourceVersion": str(self.version)}, "spec": copy.deepcopy(spec)}
        return copy.deepcopy(self.lease)


@dataclass
class Line:
    """One candidate's line to the Lease, which can be slow, and cut before or after the API server has acted."""

    store: DictLease
    faults: Iterator[tuple[float, float, str]] = field(default_factory=lambda: iter(()))

    async def read(self) -> KubeObject | None:
        return await self._over_the_line(self.store.read)

    async def write(self, spec: KubeObject, over: KubeObject | None) -> KubeObject:
        return await self._over_the_line(lambda: self.store.write(spec, over))

    async def _over_the_line(self, request: Callable[[], Awaitable[Answer]]) -> Answer:
        there, back, cut = next(self.faults, (0, 0, ""))
        await asyncio.sleep(there)
        if cut == "there":
            raise TransientError("cut")
        answer = await request()
        await asyncio.sleep(back)
        if cut == "back":
            raise TransientError("cut")
        return answer


def candidate(store: DictLease | Line, name: str, *, clock_is_ahead: float = 0) -> Election:
    loop = asyncio.get_running_loop()
    return Election(store, name, clock=lambda: loop.time() + clock_is_ahead)


async def lead(election: Election) -> None:
    await election.win()
    await election.hold()


def now() -> float:
    return asyncio.get_running_loop().time()


def test_the_first_leads_and_the_second_waits_for_as_long_as_it_renews() -> None:
    async def scenario() -> None:
        store = DictLease()
        first, second = candidate(store, "first"), candidate(store, "second", clock_is_ahead=-9999)
        await first.win()
        holding, waiting = asyncio.create_task(first.hold()), asyncio.create_task(second.win())
        await asyncio.sleep(3600)
        assert (first.leads, second.leads) == (True, False)
        assert store.lease is not None
        assert store.lease["spec"]["leaseTransitions"] == 1
        holding.cancel()
        waiting.cancel()

    virtual_time.run(scenario())


def test_what_is_released_is_taken_within_a_retry_period() -> None:
    async def scenario() -> None:
        store = DictLease()
        first, second = candidate(store, "first"), candidate(store, "second")
        await first.win()
        waiting = asyncio.create_task(second.win())
        await asyncio.sleep(0.1)
        released = now()
        await first.release()
        assert not first.leads
        await waiting
        assert now() - released <= 2
        assert holder_of(store.lease) == "second"

    virtual_time.run(scenario())


@pytest.mark.parametrize("cut_short", [0.5, 2.5])
def test_what_was_written_as_the_process_was_stopped_is_released_too(cut_short: float) -> None:
    async def scenario() -> None:
        store = DictLease()
        good, answered_late = (0.0, 0.0, ""), (0.0, 1.0, "")
        # Of the first writing, and of the first renewal after two seconds, which comes third.
        faults = [good, answered_late] if cut_short < 1 else [good, good, answered_late]
        first = candidate(Line(store, iter(faults)), "first")
        with suppress(TimeoutError):
            async with asyncio.timeout(cut_short):
                await lead(first)
        await first.release()
        assert holder_of(store.lease) == ""
        assert store.version == len(faults)

    virtual_time.run(scenario())


def test_the_lease_of_one_that_died_is_taken_once_it_has_run_out() -> None:
    async def scenario() -> None:
        store = DictLease()
        first, second = candidate(store, "first"), candidate(store, "second")
        await first.win()
        await second.win()
        assert 15 <= now() <= 17.1
        assert holder_of(store.lease) == "second"

    virtual_time.run(scenario())


def test_one_that_cannot_renew_ends_before_another_may_begin(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        line = Line(DictLease())
        first = candidate(line, "first")
        await first.win()
        line.faults = iter([(0, 0, "there")] * 100)
        with pytest.raises(LeadershipLostError, match="could not be renewed for 10 s"):
            await first.hold()
        assert now() == pytest.approx(10)
        assert not first.leads

    virtual_time.run(scenario())
    assert "the Lease can't be renewed: cut; trying again" in caplog.messages


def test_one_whose_request_hangs_ends_as_well() -> None:
    async def scenario() -> None:
        line = Line(DictLease())
        first = candidate(line, "first")
        await first.win()
        line.faults = iter([(3600, 0, "")])
        with pytest.raises(LeadershipLostError):
            await first.hold()
        assert now() == pytest.approx(10)

    virtual_time.run(scenario())


def test_one_whose_lease_somebody_else_has_ends_at_once() -> None:
    async def scenario() -> None:
        store = DictLease()
        first = candidate(store, "first")
        await first.win()
        await store.write({**HERS["spec"]}, store.lease)
        with pytest.raises(LeadershipLostError, match="her has taken the Lease"):
            await first.hold()
        assert now() == pytest.approx(2)
        assert not first.leads

    virtual_time.run(scenario())


@pytest.mark.parametrize("fate", ["deleted", "labelled", "answer lost"])
def test_what_happens_to_the_lease_but_leaves_it_its_own_does_not_end_it(fate: str) -> None:
    async def scenario() -> None:
        line = Line(DictLease())
        first = candidate(line, "first")
        await first.win()
        match fate:
            case "deleted":
                line.store.lease = None
            case "labelled":
                assert line.store.lease is not None
                line.store.lease["metadata"]["resourceVersion"] = "by somebody"
            case _:
                line.faults = iter([(0, 0, "back")])
        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                await first.hold()
        assert first.leads

    virtual_time.run(scenario())


def test_a_lease_that_cannot_be_read_is_told_and_tried_again() -> None:
    async def scenario() -> None:
        seen: list[str | None] = []
        line = Line(DictLease(), iter([(0, 0, "there")] * 2))
        await candidate(line, "first").win(seen.append)
        assert seen == ["cut", "cut", None]

    virtual_time.run(scenario())


def test_one_that_never_led_releases_nothing() -> None:
    async def scenario() -> None:
        store = DictLease({"metadata": {}, **HERS})
        waiting = candidate(store, "me")
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await waiting.win()
        await waiting.release()
        assert holder_of(store.lease) == "her"

    virtual_time.run(scenario())


delays = st.sampled_from([0.0, 0.01, 1.0, 5.0, 9.5, 11.0, 40.0])
bad_trip = st.tuples(delays, delays, st.sampled_from(["", "there", "back"]))
good_trips = st.lists(st.just((0.0, 0.0, "")), max_size=6)
# Most trips are good: two that both have trouble all the time never lead.
trips = st.lists(st.one_of(good_trips, good_trips, bad_trip.map(lambda trip: [trip])), max_size=10).map(
    lambda parts: [trip for part in parts for trip in part]
)


async def live(election: Election, born: float = 0) -> None:
    await asyncio.sleep(born)
    while True:
        with suppress(LeadershipLostError):
            await lead(election)
        await asyncio.sleep(0.5)  # as a process that is started again


@settings(max_examples=100, deadline=None)
@example([([(0, 0, ""), (0, 0, ""), (40, 0, "")], 0, 0), ([], 0, 0.1)])
@given(st.lists(st.tuples(trips, st.floats(-1e6, 1e6), st.floats(0, 5)), min_size=2, max_size=3))
def test_never_do_two_lead(about: list[tuple[list[tuple[float, float, str]], float, float]]) -> None:
    async def scenario() -> None:
        store = DictLease()
        candidates = [
            candidate(Line(store, iter(faults)), str(number), clock_is_ahead=ahead)
            for number, (faults, ahead, _) in enumerate(about)
        ]
        lives = [asyncio.create_task(live(one, born)) for one, (_, _, born) in zip(candidates, about, strict=True)]
        while now() < 300:
            assert sum(one.leads for one in candidates) <= 1
            await asyncio.sleep(0.1)
        for task in lives:
            assert not task.done()
            task.cancel()

    virtual_time.run(scenario())


@settings(max_examples=25, deadline=None)
@given(trips, trips)
def test_once_the_lines_are_good_again_one_leads(
    one: list[tuple[float, float, str]], other: list[tuple[float, float, str]]
) -> None:
    async def scenario() -> None:
        store = DictLease()
        candidates = [candidate(Line(store, iter(faults)), str(number)) for number, faults in enumerate((one, other))]
        lives = [asyncio.create_task(live(one)) for one in candidates]
        # However slow, every trip that is bad has been made by then, since none of the two ever stops trying.
        await asyncio.sleep(2 * 40 * 64 + 60)
        assert [election.leads for election in candidates].count(True) == 1
        for task in lives:
            assert not task.done()
            task.cancel()

    virtual_time.run(scenario())
