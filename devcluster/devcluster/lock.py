"""Locks between processes, which the kernel gives back when their holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devcluster.console import step
from devcluster.errors import ClusterError


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock, after waiting for it as long as it takes; a wait is announced."""
    with _opened(path) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            step(f"Waiting for process {_read(descriptor)} to finish with {path.parent}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        _sign(descriptor)
        yield


@contextmanager
def locked_or_refused(path: Path, what: str) -> Iterator[None]:
    """Hold the lock at once; the holder may remove its file.

    Args:
        path: the lock's file, which names its holder.
        what: what the lock protects, as the subject of the refusal.

    Raises:
        ClusterError: another process holds it.
    """
    with _opened(path) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClusterError(
                f"{what} is in use by process {_read(descriptor)}: wait for that to end, or end it."
            ) from None
        if not path.exists() or path.stat().st_ino != os.fstat(descriptor).st_ino:
            raise ClusterError(f"{what} was taken down this very moment: run it again.")
        _sign(descriptor)
        yield


def holder(path: Path) -> str | None:
    """Give the process id of who holds the lock, or None where nobody does."""
    if not path.exists():
        return None
    with _opened(path) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(descriptor)
    return None


def _sign(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def _read(descriptor: int) -> str:
    return os.pread(descriptor, 32, 0).decode(errors="replace").strip()


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
