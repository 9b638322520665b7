"""Whether files on the disk are the ones that a manifest lists."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import google_crc32c

from sdp_serving.contract.artifact import FileEntry

_CHUNK: Final = 1 << 20


def damaged(folder: Path, files: Mapping[str, FileEntry]) -> list[str]:
    """Paths among `files` that are missing from `folder`, or differ in size or checksum."""
    return [path for path, entry in files.items() if not matches(folder / path, entry)]


def matches(path: Path, entry: FileEntry) -> bool:
    """Whether the file at `path` is there and is `entry`."""
    return path.is_file() and path.stat().st_size == entry.size and crc32c(path) == entry.crc32c


def crc32c(path: Path) -> str:
    """The CRC32C checksum of a file, as 8 hexadecimal digits."""
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            value = google_crc32c.extend(value, chunk)
    return f"{value:08x}"
