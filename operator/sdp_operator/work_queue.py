"""Calls for work on a key, one at a time for each key, with what failed tried again.

Several calls that come while the key is worked on end in one more run, which sees what all of them wanted seen.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Hashable
from datetime import timedelta
from typing import Final, Generic, TypeVar

from sdp_operator.errors import OperatorError

Key = TypeVar("Key", bound=Hashable)

_log = logging.getLogger(__name__)

_FIRST_DELAY: Final = timedelta(seconds=1)
_LONGEST_DELAY: Final = timedelta(minutes=1)


class WorkQueue(Generic[Key]):
    """Work on keys.

    Args:
        work: does the work on a key, and returns when to do it again although nobody calls for it, or None.
        concurrency: how many keys are worked on at the same time.
    """

    def __init__(self, work: Callable[[Key], Awaitable[timedelta | None]], *, concurrency: int) -> None:
        self._work = work
        self._slots = asyncio.Semaphore(concurrency)
        self._calls: dict[Key, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def call(self, key: Key) -> None:
        """See to it that the key is worked on after this moment."""
        if key in self._calls:
            self._calls[key].set()
            return
        self._calls[key] = asyncio.Event()
        task = asyncio.create_task(self._serve(key), name=f"work on {key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def busy(self) -> bool:
        """Whether any key is worked on, or waits to be."""
        return bool(self._calls)

    async def close(self) -> None:
        """Stop at once. What was not finished is found by the next process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, key: Key) -> None:
        called = self._calls[key]
        failures = 0
        while True:
            called.clear()
            again, failed = await self._attempt(key)
            failures = failures + 1 if failed else 0
            delay = min(_FIRST_DELAY * 2 ** min(failures - 1, 10), _LONGEST_DELAY) if failed else again
            if not called.is_set():
                if delay is None:
                    break
                await _wait(called, delay)
        del self._calls[key]

    async def _attempt(self, key: Key) -> tuple[timedelta | None, bool]:
        async with self._slots:
            try:
                return await self._work(key), False
            except OperatorError as error:
                _log.warning("%s: %s; trying again", key, error)
            except Exception:  # noqa: BLE001 - a defect met on one key must not stop the others
                _log.exception("%s: unforeseen failure; trying again", key)
        return None, True


async def _wait(called: asyncio.Event, delay: timedelta) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(called.wait(), delay.total_seconds())
