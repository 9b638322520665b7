"""Requests sent at the same time."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

_THREADS: Final = 8

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def each(act: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
    """The answers to all items, in their order; at the first error what has not begun is left."""
    with ThreadPoolExecutor(_THREADS) as pool:
        futures = [pool.submit(act, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
