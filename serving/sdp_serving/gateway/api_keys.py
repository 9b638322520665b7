"""The keys that clients must have."""

import hashlib
import hmac
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SCHEME: Final = "bearer"
_Mark = tuple[tuple[str, int, int, int], ...]

_log = logging.getLogger(__name__)


class ApiKeys:
    """The keys of a file, one a line, or of a folder of such files; they are read again when they change."""

    def __init__(self, path: Path) -> None:
        """Read them at `path`. While there are none there, no client has a right one."""
        self._path = path
        self._mark: _Mark | None = None
        self._keys: tuple[bytes, ...] = ()
        self._is_readable = True

    def client(self, authorization: str | None) -> str | None:
        """Who sends a request: a name that tells nothing of the key; None for one without a right key.

        Args:
            authorization: the request's header, if it has one.
        """
        self._refresh()
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() != _SCHEME:
            return None
        key = given.strip().encode(errors="surrogateescape")
        # All are compared, each in a time that does not tell how much of it is right.
        is_right = [hmac.compare_digest(key, known) for known in self._keys]
        return hashlib.sha256(key).hexdigest()[:12] if any(is_right) else None

    def _refresh(self) -> None:
        try:
            files = sorted(self._files())
            mark = tuple(_mark(file) for file in files)
            if mark == self._mark:
                return
            lines = [line.strip() for file in files for line in file.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as failure:
            if self._is_readable:
                _log.error("The API keys cannot be read, so that nobody has a right one: %r", failure)
            self._mark, self._keys, self._is_readable = None, (), False
            return
        self._mark, self._is_readable = mark, True
        self._keys = tuple({line.encode() for line in lines if line})
        _log.info("There are %d API keys", len(self._keys))

    def _files(self) -> Iterator[Path]:
        if not self._path.is_dir():
            yield self._path
            return
        # A mounted Secret has hidden folders, to which its files lead.
        yield from (file for file in self._path.iterdir() if not file.name.startswith(".") and file.is_file())


def _mark(file: Path) -> tuple[str, int, int, int]:
    found = file.stat()
    return (str(file), found.st_ino, found.st_mtime_ns, found.st_size)
