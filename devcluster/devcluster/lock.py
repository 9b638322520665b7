"""Locks between processes, which the kernel gives back when their holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devcluster.console import step
from devcluster.errors import ClusterError
from devcluster.waiting import wait_for

# A process that is killed while it starts another leaves its locks to that until that runs its own program.
_INHERITED_SECONDS = 1.0


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock, after waiting for it as long as it takes; a wait is announced."""
    with _opened(path) as descriptor:
        if not _try(descriptor, fcntl.LOCK_EX):
            step(f"Waiting for process {_read(descriptor)} to finish with {path.parent}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        _sign(descriptor)
        yield


@contextmanager
def locked_or_refused(path: Path, what: str) -> Iterator[None]:
    """Hold the lock, without waiting for another holder; the holder may remove its file.

    Args:
        path: the lock's file, which names its holder.
        what: what the lock protects, as the subject of the refusal.

    Raises:
        ClusterError: another process holds it.
    """
    with _opened(path) as descriptor:
        try:
            wait_for("the lock", lambda: _try(descriptor, fcntl.LOCK_EX), seconds=_INHERITED_SECONDS)
        except ClusterError:
            holder = _read(descriptor)
            raise ClusterError(f"{what} is in use by process {holder}: wait for that to end, or end it.") from None
        if not path.exists() or path.stat().st_ino != os.fstat(descriptor).st_ino:
            raise ClusterError(f"{what} was taken down this very moment: run it again.")
        _sign(descriptor)
        yield


def holder_of(path: Path) -> str | None:
    """Give the process id of who holds the lock, or None where nobody does."""
    if not path.exists():
        return None
    with _opened(path) as descriptor:
        return None if _try(descriptor, fcntl.LOCK_SH) else _read(descriptor)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
