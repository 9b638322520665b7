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
from contextlib import ExitStack, contextmanager, suppress
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
_BLOCK: Final = 512
"""Bytes of a block as stat(2) counts them."""

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
        """Remove the models that were not asked for for the longest time until another one fits.

        Returns:
            Whether it does; where not, at most what is in the way of the pod's own copy has been removed.
        """
        with _locked(self.folder / _LOCK, say):
            shares_disk = self.folder.stat().st_dev == into.stat().st_dev
            lacking = -free_bytes(self.folder)
            if self.limit is None or found.size <= self.limit:
                over = 0 if self.limit is None else self._taken() + found.size - self.limit
                # On one disk, the pod's copy takes as much again.
                if self._free(over, lacking + found.size * (2 if shares_disk else 1)):
                    allot(found, partial)
                    return True
            if shares_disk:
                self._free(0, lacking + found.size)
            return False

    def _free(self, over: int, lacking: int) -> bool:
        """Remove models so that all take `over` bytes less, and the disk has `lacking` bytes more.

        Returns:
            Whether there are such; if not, none has been removed.
        """
        with ExitStack() as held:
            going = []
            for entry in self._oldest_first():
                if over <= 0 and lacking <= 0:
                    break
                size, freed = _weight(entry)
                helps = (over > 0 and size) or (lacking > 0 and freed)
                if helps and held.enter_context(_held_if_free(_lock_of(entry))):
                    going.append(entry)
                    over, lacking = over - size, lacking - freed
            if over > 0 or lacking > 0:
                return False
            for entry in going:
                _drop(entry)
            return True

    def _taken(self) -> int:
        """Bytes of all models, and of what is on its way."""
        return sum(status.st_size for status in _files_in(self.folder))

    def _oldest_first(self) -> list[Path]:
        """The entries, also those of which only a part is left, by when they were last asked for."""
        locks = sorted(self.folder.glob(f"[!.]*{_LOCK}"), key=lambda lock: lock.stat().st_mtime)
        return [lock.with_suffix("") for lock in locks]


def _weight(entry: Path) -> tuple[int, int]:
    """Bytes that an entry counts, with what a killed puller has left of it, and bytes that the disk has without it."""
    files = [*_files_in(entry), *_files_in(_partial_of(entry))]
    # What a pod has a link to stays on the disk until that pod goes.
    return sum(file.st_size for file in files), sum(file.st_blocks * _BLOCK for file in files if file.st_nlink == 1)


def _files_in(root: Path) -> Iterator[os.stat_result]:
    for folder, _, names in os.walk(root):
        for name in names:
            # Others come and go meanwhile.
            with suppress(FileNotFoundError):
                yield Path(folder, name).stat()


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
