"""Election of the one operator that works, among several that could.

They agree by a Lease. Whoever holds it writes it anew every few seconds; when that stops, the others wait until it must
have stopped working, and one of them writes its own name. Only times that one machine has measured by itself are
compared, never the times in the Lease: machines' clocks differ. The holder stops before the others start:

    the holder:  begins to write | .......... may work for 10 s | ends itself
    the others:        see the write | .................. wait for 15 s | take the Lease
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from sdp_operator.errors import OperatorError
from sdp_operator.lease import ConflictError, LeaseStore
from sdp_operator.objects import KubeObject

LEASE_DURATION: Final = timedelta(seconds=15)
"""How long the others wait after the last write that they saw."""
RENEW_DEADLINE: Final = timedelta(seconds=10)
"""How long the holder works on after it began its last successful write."""
RETRY_PERIOD: Final = timedelta(seconds=2)
"""How often the holder writes and the others read."""
_RELEASE_SECONDS: Final = 5

_log = logging.getLogger(__name__)


class Move(StrEnum):
    """What a candidate may do about the Lease."""

    ACQUIRE = "acquire"
    RENEW = "renew"
    WAIT = "wait"


@dataclass(frozen=True)
class Sighting:
    """The Lease, None when there is none, and the candidate's own time when it first saw it so."""

    lease: KubeObject | None
    since: float

    def followed_by(self, lease: KubeObject | None, now: float) -> "Sighting":
        """The sighting after one more look."""
        return Sighting(lease, self.since if _spec(lease) == _spec(self.lease) else now)


class LeadershipLostError(Exception):
    """This process may do nothing more in the operator's name. Its text says why."""


def decide(seen: Sighting, identity: str, now: float) -> Move:
    """What the candidate of that identity may do, `now` by its own clock."""
    holder = holder_of(seen.lease)
    if holder == identity:
        return Move.RENEW
    if not holder or now >= seen.since + _duration(seen.lease).total_seconds():
        return Move.ACQUIRE
    return Move.WAIT


def holder_of(lease: KubeObject | None) -> str:
    """Who holds the Lease; empty when nobody does."""
    return _spec(lease).get("holderIdentity") or ""


class Election:
    """One candidate.

    Args:
        store: where the Lease is.
        identity: whose name this process writes; no other process has it.
        clock: seconds that never go back.
    """

    def __init__(self, store: LeaseStore, identity: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._identity = identity
        self._clock = clock
        self._seen = Sighting(None, clock())
        self._leads_until = float("-inf")

    @property
    def leads(self) -> bool:
        """Whether this process may work, at this very moment."""
        return self._clock() < self._leads_until

    async def win(self, on_sight: Callable[[str | None], None] = lambda _: None) -> None:
        """Wait until this process leads.

        Args:
            on_sight: told after every look at the Lease what was wrong with it; None when it could be read.
        """
        while True:
            try:
                await self._run()
                on_sight(None)
            except ConflictError as error:
                _log.debug("another was faster: %s", error)
                on_sight(None)
            except OperatorError as error:
                _log.warning("the Lease can't be had: %s; trying again", error)
                on_sight(str(error))
            if self.leads:
                return
            await asyncio.sleep(RETRY_PERIOD.total_seconds())

    async def hold(self) -> None:
        """Keep leading for ever.

        Raises:
            LeadershipLostError: this process must stop.
        """
        try:
            while True:
                # Not around the loop: each success puts the end off.
                async with asyncio.timeout(self._leads_until - self._clock()):
                    await asyncio.sleep(RETRY_PERIOD.total_seconds())
                    await self._renew()
        except TimeoutError:
            seconds = RENEW_DEADLINE.total_seconds()
            raise LeadershipLostError(f"the Lease could not be renewed for {seconds:.0f} s") from None

    async def release(self) -> None:
        """Let another candidate lead at once. The caller has finished all work."""
        self._leads_until = float("-inf")
        with contextlib.suppress(TimeoutError):
            try:
                async with asyncio.timeout(_RELEASE_SECONDS):
                    # Not as last seen: a write that was cut short may have reached the API server.
                    lease = await self._store.read()
                    if holder_of(lease) == self._identity:
                        await self._store.write(_released(lease), lease)
            except OperatorError as error:
                _log.warning("the Lease is not released: %s; another operator takes it when it has run out", error)

    async def _run(self) -> None:
        before = holder_of(self._seen.lease)
        self._see(await self._store.read())
        holder = holder_of(self._seen.lease)
        if decide(self._seen, self._identity, self._clock()) is not Move.WAIT:
            await self._take()
        elif holder != before:
            _log.info("%s works; waiting to take over", holder)

    async def _renew(self) -> None:
        try:
            await self._take()
        except ConflictError:
            await self._look_who_leads()
        except OperatorError as error:
            _log.warning("the Lease can't be renewed: %s; trying again", error)

    async def _look_who_leads(self) -> None:
        try:
            self._see(await self._store.read())
            if decide(self._seen, self._identity, self._clock()) is Move.WAIT:
                self._leads_until = float("-inf")
                raise LeadershipLostError(f"{holder_of(self._seen.lease)} has taken the Lease")
            await self._take()
        except OperatorError as error:
            _log.warning("the Lease can't be renewed: %s; trying again", error)

    async def _take(self) -> None:
        began = self._clock()
        self._see(
            await self._store.write(_taken(self._seen.lease, self._identity, datetime.now(UTC)), self._seen.lease)
        )
        self._leads_until = began + RENEW_DEADLINE.total_seconds()

    def _see(self, lease: KubeObject | None) -> None:
        self._seen = self._seen.followed_by(lease, self._clock())


def _spec(lease: KubeObject | None) -> KubeObject:
    return {} if lease is None else lease.get("spec", {})


def _duration(lease: KubeObject | None) -> timedelta:
    seconds = _spec(lease).get("leaseDurationSeconds")
    return LEASE_DURATION if seconds is None else timedelta(seconds=seconds)


def _taken(lease: KubeObject | None, identity: str, now: datetime) -> KubeObject:
    """The spec by which the candidate holds the Lease. Its times are for people to read."""
    before = _spec(lease)
    time_now = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    mine = before.get("holderIdentity") == identity
    return {
        "holderIdentity": identity,
        "leaseDurationSeconds": int(LEASE_DURATION.total_seconds()),
        "acquireTime": before["acquireTime"] if mine else time_now,
        "renewTime": time_now,
        "leaseTransitions": before.get("leaseTransitions", 0) + (0 if mine else 1),
    }


def _released(lease: KubeObject | None) -> KubeObject:
    return {**_spec(lease), "holderIdentity": ""}
