"""Requests for a component that is away wait for it instead of failing.

What waits was not processed, for there was no connection, or was cut in the middle: it may be sent again, since nothing
but its answer comes of it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

from sdp_serving.contract.components import Component
from sdp_serving.gateway.kept_body import KeptBody
from sdp_serving.gateway.line import Line
from sdp_serving.gateway.metrics import Metrics

MOST_HELD: Final = 512
"""Each is an open connection, of which a process often may have no more than 1024."""

_MOST_CUTS: Final = 3
"""A request that several servers ended with may be what ends them."""

_log = logging.getLogger(__name__)


class NoAnswerError(Exception):
    """The component did not answer."""


class AwayError(NoAnswerError):
    """There was no connection: it has seen nothing of the request."""


class CutError(NoAnswerError):
    """The connection ended before there was an answer."""


class NoRoomError(NoAnswerError):
    """It is away, and the request cannot be held."""


Answered = TypeVar("Answered")

Attempt = Callable[[Callable[[], None]], Awaitable[Answered]]
"""Sends a request; what it is given is to be called once there is a connection.

Raises:
    AwayError: there was none.
    CutError: it ended too early.
"""


class Hold:
    """Holds requests while the component that they are for is away."""

    def __init__(self, components: Iterable[Component], metrics: Metrics, *, seconds: float) -> None:
        """Give it its parts.

        Args:
            components: the components.
            metrics: told of what is held.
            seconds: how long a request waits at most, each time that it must; 0: not at all.
        """
        self._lines = {component: Line() for component in components}
        self._metrics = metrics
        self._seconds = seconds
        self._limits: set[asyncio.Timeout] = set()
        self._end = float("inf")

    async def send(self, component: Component, attempt: Attempt[Answered], body: KeptBody | None) -> Answered:
        """What the component answers, as soon as it is there.

        Args:
            component: whom to ask.
            attempt: asks once.
            body: what each attempt sends, if anything.

        Raises:
            NoAnswerError: it did not come back in time, or the request could not be held.
        """
        cuts = 0
        failed: NoAnswerError | None = None
        if not self._lines[component].length:
            try:
                return await attempt(_nothing)
            except NoAnswerError as failure:
                if not self._seconds:
                    raise
                failed = failure
                cuts = int(isinstance(failure, CutError))
        if self._is_full() or not (body is None or await body.keep_whole()):
            raise failed if cuts and failed else NoRoomError("there is no room to hold the request")
        if not self._lines[component].length:
            _log.warning("The %s is away, so that requests wait for it: %s", component, failed)
        return await self._hold(component, attempt, cuts)

    def end_within(self, seconds: float) -> None:
        """Let nothing wait longer than that from now on."""
        self._end = asyncio.get_running_loop().time() + seconds
        for limit in self._limits:
            waits_until = limit.when()
            if waits_until is not None and not limit.expired():
                limit.reschedule(min(waits_until, self._end))

    def _is_full(self) -> bool:
        return sum(line.length for line in self._lines.values()) >= MOST_HELD

    async def _hold(self, component: Component, attempt: Attempt[Answered], cuts: int) -> Answered:
        try:
            async with asyncio.timeout(None) as limit:
                self._limits.add(limit)
                try:
                    return await self._until_answered(component, attempt, limit, cuts)
                finally:
                    self._limits.discard(limit)
        except TimeoutError as late:
            raise AwayError("it did not come back in time") from late

    async def _until_answered(
        self, component: Component, attempt: Attempt[Answered], limit: asyncio.Timeout, cuts: int
    ) -> Answered:
        while True:
            limit.reschedule(min(asyncio.get_running_loop().time() + self._seconds, self._end))
            try:
                return await self._in_line(component, attempt, limit)
            except CutError:
                cuts += 1
                if cuts >= _MOST_CUTS:
                    raise

    async def _in_line(self, component: Component, attempt: Attempt[Answered], limit: asyncio.Timeout) -> Answered:
        with self._lines[component].place() as place, self._metrics.held(component) as released:

            def connected() -> None:
                place.through()
                released()
                # From now on it takes as long as it takes.
                limit.reschedule(None)

            while True:
                await place.turn()
                try:
                    return await attempt(connected)
                except AwayError:
                    continue


def told(component: Component, failure: NoAnswerError) -> str:
    """What a person is told of it."""
    match failure:
        case CutError():
            return (
                f"The {component} ended the connection before it answered, as it does when it is stopped or runs out of"
                " memory: try again, and see its state with `kubectl get sdpipeline -o wide`"
            )
        case NoRoomError():
            return f"The {component} is away, and there is no room to hold the request meanwhile: try again later"
        case _:
            return f"The {component} cannot be reached now: see why with `kubectl get sdpipeline -o wide`"


def _nothing() -> None:
    pass
