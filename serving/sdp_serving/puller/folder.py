"""Models in a plain folder: file://."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sdp_serving.contract.artifact import ModelUri, Version
from sdp_serving.contract.report import PullFailure
from sdp_serving.puller.errors import PullError

_CHUNK = 1 << 20


class Folder:
    """A model's location in a file system, such as a volume mounted into the pod."""

    def __init__(self, uri: ModelUri) -> None:
        self._root = Path(uri.location)

    def folders(self) -> Sequence[str]:
        """Names of the folders directly below the location."""
        with _mapped(self._root):
            if not self._root.is_dir():
                return []
            return [entry.name for entry in self._root.iterdir() if entry.is_dir()]

    def files(self, version: Version) -> Mapping[str, int]:
        """Sizes of the version's files."""
        root = self._root / str(version)
        with _mapped(root):
            return {
                path.relative_to(root).as_posix(): path.stat().st_size
                for folder, _, names in os.walk(root, onerror=_fail_unless_missing)
                for path in (Path(folder, name) for name in names)
            }

    def read(self, version: Version, path: str) -> bytes:
        """All bytes of a file."""
        source = self._root / str(version) / path
        with _mapped(source):
            return source.read_bytes()

    def stream(self, version: Version, path: str, part: range, into: BinaryIO) -> None:
        """Copy a part of a file."""
        source = self._root / str(version) / path
        with _opened(source) as file:
            file.seek(part.start)
            left = len(part)
            while left:
                with _mapped(source):
                    chunk = file.read(min(left, _CHUNK))
                if not chunk:
                    raise PullError(PullFailure.CORRUPT, f"{source} became shorter while it was read: export again")
                into.write(chunk)
                left -= len(chunk)


def _fail_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@contextmanager
def _opened(source: Path) -> Iterator[BinaryIO]:
    with _mapped(source):
        file = source.open("rb")
    with file:
        yield file


@contextmanager
def _mapped(place: Path) -> Iterator[None]:
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
