"""Models in a plain folder: file://, and the mounted claim of pvc://."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from sdp_serving.contract.artifact import Version
from sdp_serving.contract.report import PullFailure
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.storage import Part, Stored

_CHUNK: Final = 1 << 18
"""Bytes; so few that they are still in the core's cache when they are written and when they are summed up."""


class Folder:
    """A model's location in a file system, such as a volume mounted into the pod."""

    parts_at_once = 2  # One is summed up while another is copied; more only get into each other's way.

    def __init__(self, root: Path) -> None:
        self._root = root

    def folders(self) -> Sequence[str]:
        """Names of the folders directly below the location."""
        with reading(self._root):
            if not self._root.is_dir():
                return []
            return [entry.name for entry in self._root.iterdir() if entry.is_dir()]

    def files(self, version: Version) -> Mapping[str, Stored]:
        """The version's files."""
        root = self._root / str(version)
        with reading(root):
            return {
                path.relative_to(root).as_posix(): _stored(path.stat())
                for folder, _, names in os.walk(root, onerror=_fail_unless_missing)
                for path in (Path(folder, name) for name in names)
            }

    def read(self, version: Version, path: str, file: Stored) -> bytes:
        """All bytes of a file."""
        source = self._root / str(version) / path
        with _opened(source, file) as opened, reading(source):
            return opened.read()

    def stream(self, version: Version, path: str, file: Stored, part: Part) -> None:
        """Copy a part of a file."""
        source = self._root / str(version) / path
        with _opened(source, file) as opened:
            opened.seek(part.missing.start)
            while part.missing:
                with reading(source):
                    chunk = opened.read(min(len(part.missing), _CHUNK))
                if not chunk:
                    raise _changed(source)
                part.write(chunk)
            # Whoever overwrites a file in place may have done it while it was read.
            _require_same(source, opened, file)


def _stored(status: os.stat_result) -> Stored:
    return Stored(size=status.st_size, edition=str(status.st_mtime_ns))


def _require_same(source: Path, opened: BinaryIO, file: Stored) -> None:
    if _stored(os.fstat(opened.fileno())) != Stored(size=file.size, edition=file.edition):
        raise _changed(source)


def _changed(source: Path) -> PullError:
    return PullError(
        PullFailure.MODEL_INCOMPLETE,
        f"{source} was overwritten while it was read: export each model to a version of its own",
    )


def _fail_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@contextmanager
def _opened(source: Path, file: Stored) -> Iterator[BinaryIO]:
    with reading(source):
        opened = source.open("rb")
    with opened:
        _require_same(source, opened, file)
        yield opened


@contextmanager
def reading(place: Path) -> Iterator[None]:
    """Say what is wrong when `place` cannot be read."""
    try:
        yield
    except PermissionError as error:
        raise PullError(
            PullFailure.ACCESS_DENIED,
            f"{place} may not be read by user {os.getuid()}: make it readable, or mount it with a matching fsGroup",
        ) from error
    except OSError as error:
        raise PullError(
            PullFailure.STORAGE_UNAVAILABLE, f"{place} cannot be read ({error.strerror}): check the volume"
        ) from error
