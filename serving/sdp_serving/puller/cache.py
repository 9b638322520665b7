"""A folder of the node that keeps models, so that the next pod with the same one need not fetch it again.

<cache>/<key>/          a model, whole, with the record that `laid_in` reads
<cache>/<key>.partial/  one that is being fetched, or removed; without its lock, what a killed puller has left
<cache>/<key>.lock      held by whoever works on either; its time is when the model was last asked for
<cache>/.lock           held while room is made

The key is made of the pinned URI and of what lies there, so that an entry never becomes another model.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from sdp_serving.contract.artifact import FileEntry
from sdp_serving.puller.copying import place
from sdp_serving.puller.disk import emptied, free_bytes, removed
from sdp_serving.puller.fetch import allot
from sdp_serving.puller.found import Found
from sdp_serving.puller.laid import Laid, laid_in
from sdp_serving.puller.progress import MIB, Say

_PARTIAL: Final = ".partial"
_LOCK: Final = ".lock"

Fill = Callable[[Path], Mapping[str, FileEntry]]
"""Fetches a model into an empty folder, verified, and says what it consists of."""


@dataclass(frozen=True)
class Cache:
    """A node's cache.

    Attributes:
        folder: where it lies.
        limit: bytes that all its models together may take; None for as many as the disk holds.
    """

    folder: Path
    limit: int | None = None

    def give(
        self, found: Found, into: Path, fill: Fill, *, say: Say, progress: Callable[[int], None]
    ) -> Mapping[str, FileEntry] | None:
        """Bring a model into the empty folder `into`, fetching it into the cache first where that has none.

        Args:
            found: the model.
            into: where it is to be.
            fill: fetches it.
            say: told how it goes.
            progress: told of all bytes of a model that the cache has; `fill` tells of the others.

        Returns:
            The model's files; None when the cache can't be used, which has been said. `into` may then hold some files.

        Raises:
            PullError: of `fill`.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            entry = self.folder / _key(found)
            with _locked(_lock_of(entry), say):
                if (files := self._held(entry, into, say)) is not None:
                    progress(found.size)
                    return files
                return self._fetched(entry, found, into, fill, say)
        except OSError as error:
            say(f"the cache {self.folder} cannot be used ({error.strerror}): going on without it")
            return None

    def _held(self, entry: Path, into: Path, say: Say) -> Mapping[str, FileEntry] | None:
        """Give what the cache has; None when it has nothing whole."""
        laid = laid_in(entry)
        if laid is None:
            return None
        broken = [path for path, file in laid.files.items() if not place(entry / path, into / path, file)]
        if broken:
            say(f"the cache's copy is damaged ({', '.join(sorted(broken))}): fetching it again")
            _drop(entry)
            emptied(into)
            return None
        say(f"taken from the cache {self.folder}, verified")
        return laid.files

    def _fetched(self, entry: Path, found: Found, into: Path, fill: Fill, say: Say) -> Mapping[str, FileEntry] | None:
        partial = emptied(_partial_of(entry))
        try:
            if not self._make_room(found, partial, into, say):
                say(f"the cache {self.folder} has no room for {found.size / MIB:.1f} MiB: going on without it")
                return None
            files = fill(partial)
            Laid(asked=str(found.asked), model=found.pulled(), files=files).write(partial)
            removed(entry)
            partial.rename(entry)
        finally:
            removed(partial)
        for path, file in files.items():
            if not place(entry / path, into / path, file):
                raise OSError(0, "it does not keep what is written to it")
        return files

    def _make_room(self, found: Found, partial: Path, into: Path, say: Say) -> bool:
        """Remove the models that were not asked for for the longest time until another one fits; False if none does."""
        if self.limit is not None and found.size > self.limit:
            return False
        # On one disk, the pod's copy takes as much again.
        needed = found.size * (2 if self.folder.stat().st_dev == into.stat().st_dev else 1)

        def lacks() -> bool:
            over = self.limit is not None and self._taken() + found.size > self.limit
            return over or free_bytes(self.folder) < needed

        with _locked(self.folder / _LOCK, say):
            for entry in self._oldest_first():
                if not lacks():
                    break
                with _held_if_free(_lock_of(entry)) as held:
                    if held:
                        _drop(entry)
            if lacks():
                return False
            allot(found, partial)
            return True

    def _taken(self) -> int:
        """Bytes of all models, and of what is on its way."""
        # Others come and go meanwhile, so what has gone counts nothing.
        paths = (Path(folder, name) for folder, _, names in os.walk(self.folder) for name in names)
        return sum(_size(path) for path in paths)

    def _oldest_first(self) -> list[Path]:
        """The entries, also those of which only a part is left, by when they were last asked for."""
        locks = sorted(self.folder.glob(f"[!.]*{_LOCK}"), key=lambda lock: lock.stat().st_mtime)
        return [lock.with_suffix("") for lock in locks]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _key(found: Found) -> str:
    content = found.facts.source_digest.encode() if found.manifest is None else found.manifest
    return hashlib.sha256(str(found.uri).encode() + b"\0" + content).hexdigest()


def _lock_of(entry: Path) -> Path:
    return entry.with_name(entry.name + _LOCK)


def _partial_of(entry: Path) -> Path:
    return entry.with_name(entry.name + _PARTIAL)


def _drop(entry: Path) -> None:
    """Remove an entry, of which nothing is taken for whole if this is killed."""
    partial = _partial_of(entry)
    removed(partial)
    if entry.exists():
        entry.rename(partial)
        removed(partial)


@contextmanager
def _locked(path: Path, say: Say) -> Iterator[None]:
    """Hold a lock, however long another one holds it; it ends with its holder."""
    with path.open("ab") as lock:
        if not _taken_at_once(lock):
            say("waiting for another puller, which works on the same in the cache")
            fcntl.flock(lock, fcntl.LOCK_EX)
        os.utime(lock.fileno())
        yield


@contextmanager
def _held_if_free(path: Path) -> Iterator[bool]:
    """Hold a lock unless another one does, and say which."""
    with path.open("rb") as lock:
        yield _taken_at_once(lock)


def _taken_at_once(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
