"""Who is drawn when: as many batches at a time as there are model servers, the clients in turn.

What fits together is drawn together, whoever asked for it. What nobody waits for any more is not drawn.
"""

import asyncio
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from sdp_serving.gateway.queueing.fair_queue import FairQueue

_FIRST_GUESS_SECONDS: Final = 10.0
_OLD_SHARE: Final = 0.8
"""How much the batches before the last one count in the mean."""
_LONGEST_RETRY_SECONDS: Final = 60
"""OpenAI's client does not wait for longer."""

Order = TypeVar("Order")
Result = TypeVar("Result")


class StoppingError(Exception):
    """No more batches are begun."""


class QueueFullError(Exception):
    """So many requests wait that another one cannot.

    Attributes:
        retry_seconds: when there may be a place.
    """

    def __init__(self, retry_seconds: int) -> None:
        super().__init__(f"the queue is full for about {retry_seconds} s")
        self.retry_seconds = retry_seconds


@dataclass(frozen=True)
class Limits:
    """What may wait and be drawn.

    Attributes:
        waiting: how many requests may wait.
        pictures: how many pictures are drawn together.
    """

    waiting: int
    pictures: int


@dataclass(frozen=True)
class Part(Generic[Order]):
    """What of a request is drawn in one batch.

    Attributes:
        order: what is to be drawn.
        pictures: how many those are.
        together: equal for orders that can be drawn together; None for one that is drawn alone.
    """

    order: Order
    pictures: int
    together: Hashable


@dataclass(eq=False)
class Ticket(Generic[Order, Result]):
    """An order and who waits for it.

    Attributes:
        order: what is to be drawn.
        pictures: how many those are.
        together: as of a `Part`.
        client: whose it is.
        request: the same one for all parts of a request.
        since: when it came.
        result: what comes of it; done as well once nobody waits for it.
    """

    order: Order
    pictures: int
    together: Hashable
    client: Hashable
    request: object
    since: float
    result: "asyncio.Future[Result]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def is_wanted(self) -> bool:
        """Whether somebody still waits for it."""
        return not self.result.done()


class Draw(Protocol[Order, Result]):
    """Draws orders together."""

    async def __call__(
        self, tickets: Sequence[Ticket[Order, Result]], is_drawn: Callable[[], None]
    ) -> Sequence[Result]:
        """What comes of each.

        Args:
            tickets: the orders; some may come to be not wanted on the way.
            is_drawn: to be called, once or more, when the diffusion model has done its part.
        """


class Watcher(Protocol):
    """Is told of what passes."""

    def waits(self, count: int) -> None:
        """So many requests wait now."""

    def begins(self, pictures: int, waited: Sequence[float]) -> None:
        """A batch of so many pictures begins, the orders of which waited for so many seconds."""


class Scheduler(Generic[Order, Result]):
    """Lets orders wait until it is their turn."""

    def __init__(
        self,
        draw: Draw[Order, Result],
        limits: Limits,
        *,
        servers: Callable[[], int],
        is_shared_fault: Callable[[Exception], bool],
        watcher: Watcher,
        clock: Callable[[], float],
    ) -> None:
        """Give it its parts.

        Args:
            draw: draws a batch.
            limits: what may wait and be drawn.
            servers: how many batches can be drawn at a time now.
            is_shared_fault: whether an error in drawing a batch says nothing about any one of its orders. With another
                one each order is drawn once more by itself, when its turn comes, so that none fails for its neighbours.
            watcher: is told of what passes.
            clock: gives seconds that only grow.
        """
        self._draw = draw
        self._limits = limits
        self._servers = servers
        self._is_shared_fault = is_shared_fault
        self._watcher = watcher
        self._clock = clock
        self._queue: FairQueue[Ticket[Order, Result]] = FairQueue()
        self._running: dict[asyncio.Task[None], Sequence[Ticket[Order, Result]]] = {}
        self._drawing = 0
        self._is_stopping = False
        self._batch_seconds = _FIRST_GUESS_SECONDS

    @property
    def waiting(self) -> int:
        """How many requests wait, with all that they want or with a part of it."""
        return len({id(ticket.request) for ticket in self._queue})

    @property
    def running(self) -> int:
        """How many orders are being drawn."""
        return sum(map(len, self._running.values()))

    def check_room(self) -> None:
        """See whether another request may wait.

        Raises:
            QueueFullError: it may not.
            StoppingError: none may any more.
        """
        if self._is_stopping:
            raise StoppingError
        waiting = self.waiting
        if waiting >= self._limits.waiting and self._drawing >= self._slots:
            seconds = math.ceil((waiting + 1) / self._slots * self._batch_seconds)
            raise QueueFullError(min(max(1, seconds), _LONGEST_RETRY_SECONDS))

    async def results(self, client: Hashable, parts: Sequence[Part[Order]]) -> list[Result]:
        """What comes of each part of a request, once all had their turn; the first error ends the others.

        Whoever stops waiting takes the request back.

        Args:
            client: whose it is.
            parts: all of it.

        Raises:
            QueueFullError: so many wait that this one cannot.
            StoppingError: no more batches are begun.
        """
        # Now, and not only when the request came: many may have come while its body was on the way.
        self.check_room()
        request, now = object(), self._clock()
        tickets: list[Ticket[Order, Result]] = [
            Ticket(part.order, part.pictures, part.together, client, request, now) for part in parts
        ]
        for ticket in tickets:
            self._queue.put(client, ticket)
        self._begin_what_can()
        try:
            return await asyncio.gather(*(ticket.result for ticket in tickets))
        finally:
            for ticket in tickets:
                _drop(ticket.result)
                self._queue.remove(client, ticket)
            self._watcher.waits(self.waiting)
            self._stop_what_nobody_wants()

    def stop(self) -> None:
        """Begin no more batches, and tell so to those who wait for one: `StoppingError`."""
        self._is_stopping = True
        while (ticket := self._queue.take()) is not None:
            _fail(ticket, StoppingError())
        self._watcher.waits(0)

    @property
    def _slots(self) -> int:
        """How many batches can be drawn at a time now."""
        return max(1, self._servers())

    def _begin_what_can(self) -> None:
        while self._drawing < self._slots:
            batch = self._next_batch()
            if not batch:
                break
            self._drawing += 1
            now = self._clock()
            self._watcher.begins(sum(one.pictures for one in batch), [now - one.since for one in batch])
            task = asyncio.create_task(self._run(batch))
            self._running[task] = batch
            task.add_done_callback(self._running.pop)
        self._watcher.waits(self.waiting)

    def _next_batch(self) -> list[Ticket[Order, Result]]:
        first = self._queue.take()
        if first is None:
            return []
        batch, room = [first], self._limits.pictures - first.pictures
        while first.together is not None and room > 0:
            other = self._queue.take_first(
                lambda one: one.together == first.together and one.pictures <= room  # noqa: B023  (called at once)
            )
            if other is None:
                break
            batch.append(other)
            room -= other.pictures
        return batch

    async def _run(self, batch: Sequence[Ticket[Order, Result]]) -> None:
        started, is_drawing = self._clock(), True

        def is_drawn() -> None:
            nonlocal is_drawing
            if is_drawing:
                is_drawing = False
                self._drawing -= 1
                self._begin_what_can()

        try:
            results = await self._draw(batch, is_drawn)
        except Exception as fault:  # noqa: BLE001  (whoever waits for the order handles it)
            self._tell_or_draw_again(batch, fault)
        else:
            mean, last = self._batch_seconds, self._clock() - started
            self._batch_seconds = _OLD_SHARE * mean + (1 - _OLD_SHARE) * last
            for ticket, result in zip(batch, results, strict=True):
                if ticket.is_wanted:
                    ticket.result.set_result(result)
        finally:
            is_drawn()

    def _tell_or_draw_again(self, batch: Sequence[Ticket[Order, Result]], fault: Exception) -> None:
        if len(batch) == 1 or self._is_shared_fault(fault):
            for ticket in batch:
                _fail(ticket, fault)
            return
        for ticket in reversed(batch):
            if self._is_stopping:
                _fail(ticket, StoppingError())
            elif ticket.is_wanted:
                ticket.together, ticket.since = None, self._clock()
                self._queue.put_back(ticket.client, ticket)
        # The diffusion model may have done its part long ago, and the batch's place be free.
        self._begin_what_can()

    def _stop_what_nobody_wants(self) -> None:
        for task, batch in self._running.items():
            if not any(ticket.is_wanted for ticket in batch):
                task.cancel()


def _drop(result: "asyncio.Future[Result]") -> None:
    if not result.cancel() and not result.cancelled():
        # An error that came while the client left is nobody's any more, and no news for the log.
        result.exception()


def _fail(ticket: Ticket[Order, Result], fault: Exception) -> None:
    if ticket.is_wanted:
        ticket.result.set_exception(fault)
