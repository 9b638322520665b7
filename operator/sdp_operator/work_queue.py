"""Calls for work on a key, one at a time for each key, with what failed tried again.

A key that rests is worked on at once. Calls that come while it is worked on, or shortly after, end in one more run,
which sees what all of them wanted seen: what one run brings about tells of itself in dozens of events.
A call for a key whose work has failed brings its next run forward, yet never to less than a second after the failure:
events about a key that meets a defect may come in a storm.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Final, Generic, Protocol, TypeVar

from sdp_operator.errors import OperatorError, TransientError
from sdp_operator.telemetry import logs

Key = TypeVar("Key", bound=Hashable)

_log = logging.getLogger(__name__)

_SETTLES: Final = timedelta(milliseconds=200)
"""How long a key is left alone after a run."""

_FIRST_DELAY: Final = timedelta(seconds=1)
_LONGEST_DELAY: Final = timedelta(minutes=1)
_GRACE: Final = timedelta(seconds=3)
"""For work to finish when the queue closes: well within the time that Kubernetes gives a pod."""


class Result(StrEnum):
    """How one run ended."""

    OK = "ok"
    REFUSED = "refused"
    """The user or an administrator has to change something."""
    TRANSIENT = "transient"
    """It passes."""
    DEFECT = "defect"
    """Nobody foresaw it."""


class Observer(Protocol):
    """Is told what the queue does."""

    def queue_changed(self, waiting: int, working: int) -> None:
        """So many keys wait for a free slot now, and so many are worked on."""

    def worked(self, result: Result, seconds: float) -> None:
        """A run ended."""

    def retrying(self) -> None:
        """A key whose work failed will be worked on again."""


class WorkQueue(Generic[Key]):
    """Work on keys.

    Args:
        work: does the work on a key, and returns when to do it again although nobody calls for it, or None.
        concurrency: how many keys are worked on at the same time.
        observer: is told what happens, if anybody wants to know.
    """

    def __init__(
        self,
        work: Callable[[Key], Awaitable[timedelta | None]],
        *,
        concurrency: int,
        observer: Observer | None = None,
    ) -> None:
        self._work = work
        self._slots = asyncio.Semaphore(concurrency)
        self._observer = observer or _Nobody()
        self._calls: dict[Key, asyncio.Event] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._waiting: set[Key] = set()
        self._working: set[Key] = set()
        self._closed = False

    def call(self, key: Key) -> None:
        """See to it that the key is worked on after this moment. A queue that is closed no longer listens."""
        if self._closed:
            return
        if key in self._calls:
            self._calls[key].set()
            return
        self._calls[key] = asyncio.Event()
        self._tasks[key] = asyncio.create_task(self._serve(key), name=f"work on {key}")

    @property
    def busy(self) -> bool:
        """Whether any key is worked on, or waits to be."""
        return bool(self._calls)

    async def close(self, grace: timedelta = _GRACE) -> None:
        """Begin no more work, let what has begun finish, and stop what has not within the grace.

        What was not done is found by the next process.
        """
        self._closed = True
        finishing = {self._tasks[key] for key in self._working}
        for task in self._tasks.values():
            if task not in finishing:
                task.cancel()
        if finishing:
            _, late = await asyncio.wait(finishing, timeout=grace.total_seconds())
            for task in late:
                task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _serve(self, key: Key) -> None:
        try:
            await self._serve_until_done(key)
        finally:
            del self._calls[key], self._tasks[key]

    async def _serve_until_done(self, key: Key) -> None:
        called = self._calls[key]
        failures = 0
        while True:
            again, result = await self._run(key, called, is_first_failure=failures == 0)
            if self._closed:
                return
            failures = 0 if result is Result.OK else failures + 1
            if failures:
                self._observer.retrying()
                await asyncio.sleep(_FIRST_DELAY.total_seconds())
                again = min(_FIRST_DELAY * 2 ** min(failures - 1, 10), _LONGEST_DELAY) - _FIRST_DELAY
            else:
                await asyncio.sleep(_SETTLES.total_seconds())
            if not called.is_set():
                if again is None:
                    return
                await _wait(called, again)

    async def _run(self, key: Key, called: asyncio.Event, *, is_first_failure: bool) -> tuple[timedelta | None, Result]:
        with self._counted(key, self._waiting):
            await self._slots.acquire()
        try:
            called.clear()  # Not before: what came while it waited for a slot is seen by this run.
            with self._counted(key, self._working), logs.about(str(key)):
                began = time.monotonic()
                again, result = await self._attempt(key, is_first_failure=is_first_failure)
                self._observer.worked(result, time.monotonic() - began)
                return again, result
        finally:
            self._slots.release()

    async def _attempt(self, key: Key, *, is_first_failure: bool) -> tuple[timedelta | None, Result]:
        try:
            return await self._work(key), Result.OK
        except OperatorError as error:
            _log.warning("%s: %s; trying again", key, error)
            return None, Result.TRANSIENT if isinstance(error, TransientError) else Result.REFUSED
        except Exception as error:  # noqa: BLE001 - see below
            # A defect met on one key must not stop the others; one traceback for each series is enough.
            _log.error("%s: unforeseen failure: %r; trying again", key, error, exc_info=is_first_failure)
            return None, Result.DEFECT

    @contextlib.contextmanager
    def _counted(self, key: Key, among: set[Key]) -> Iterator[None]:
        among.add(key)
        self._observer.queue_changed(len(self._waiting), len(self._working))
        try:
            yield
        finally:
            among.discard(key)
            self._observer.queue_changed(len(self._waiting), len(self._working))


class _Nobody:
    def queue_changed(self, waiting: int, working: int) -> None:
        pass

    def worked(self, result: Result, seconds: float) -> None:
        pass

    def retrying(self) -> None:
        pass


async def _wait(called: asyncio.Event, delay: timedelta) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(delay.total_seconds()):
            await called.wait()
