"""The bytes of an artifact on Google Cloud Storage before they are a version: objects that are named for their content.

So an upload that was killed is taken up by whoever uploads the same bytes, and two that upload them at the same time
can't mix: there is nothing else that an object of this name could hold. A large file is several parts, which go up in
parallel; the store puts them together.
"""

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO, Final

import google_crc32c
from google.api_core import exceptions as api
from google.cloud.storage import Blob, Bucket

from sdp_exporter.errors import StoreUnavailableError
from sdp_exporter.stores import Progress, gcs_requests
from sdp_exporter.stores.parallel import each
from sdp_serving.contract.artifact import FileEntry

FOLDER: Final = ".uploads"
"""Beside the versions; no reader takes it for one."""

_MOST: Final = 32
"""Objects that the store puts together in one request."""
_LEAST_BYTES: Final = 8 << 20
"""Of a part, where there are several: what the client sends in one request, and so holds in memory for each thread."""
_BLOCK: Final = 1 << 20


def entry_of(blob: Blob) -> FileEntry:
    """The object's size and checksum."""
    return FileEntry(size=blob.size, crc32c=base64.b64decode(blob.crc32c).hex())


@dataclass(frozen=True)
class _Part:
    file: Path
    offset: int
    size: int


@dataclass(frozen=True)
class _Content:
    sha256: str
    entry: FileEntry


class Parts:
    """The parts of the files `paths` in `folder`, below `prefix` in the bucket."""

    def __init__(self, bucket: Bucket, prefix: str, folder: Path, paths: Iterable[str]) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}{FOLDER}/"
        self._parts: Mapping[str, Sequence[_Part]] = {path: _split(folder / path) for path in paths}
        self._content = cache(_read)

    def bring(self, progress: Progress) -> None:
        """Upload every part that is not there already.

        Args:
            progress: told of bytes that are there already too.

        Raises:
            StoreUnavailableError: if a part arrived damaged, and was deleted.
        """
        there = {blob.name: entry_of(blob) for blob in list_objects(self._bucket, self._prefix)}

        def bring(part: _Part) -> None:
            content = self._content(part)
            if there.get(self._name(part)) == content.entry:
                progress(part.size)
            else:
                self._upload(part, content, progress)

        each(bring, self._all())

    def objects(self, path: str) -> list[Blob]:
        """The objects that make up the file `path`, in order."""
        return [self._bucket.blob(self._name(part)) for part in self._parts[path]]

    def delete(self) -> None:
        """Delete every part, as far as that is allowed: what is left costs space only, and can be pruned."""
        with suppress(api.Forbidden):
            delete_objects(self._bucket, sorted({self._name(part) for part in self._all()}))

    def _all(self) -> list[_Part]:
        return [part for parts in self._parts.values() for part in parts]

    def _name(self, part: _Part) -> str:
        return f"{self._prefix}{self._content(part).sha256}"

    def _upload(self, part: _Part, content: _Content, progress: Progress) -> None:
        blob = self._bucket.blob(self._name(part), chunk_size=_LEAST_BYTES)
        with part.file.open("rb") as file:
            try:
                blob.upload_from_file(
                    _Window(file, part, progress),
                    size=part.size,
                    if_generation_match=0,
                    checksum="crc32c",
                    timeout=gcs_requests.TIMEOUT,
                    retry=gcs_requests.WRITE_RETRY,
                )
            except api.PreconditionFailed:
                # Ours, whose answer was lost, or another exporter's of the same bytes.
                blob.reload(timeout=gcs_requests.TIMEOUT, retry=gcs_requests.READ_RETRY)
        if entry_of(blob) != content.entry:
            delete_objects(self._bucket, [blob.name])
            raise StoreUnavailableError(f"gs://{self._bucket.name}/{blob.name} was stored damaged: export again")


def uncounted(_size: int) -> None:
    """Progress that nobody watches."""


def list_objects(bucket: Bucket, prefix: str) -> list[Blob]:
    """The objects whose names begin with `prefix`, each with size, checksum and time."""
    blobs: Iterable[Blob] = bucket.client.list_blobs(
        bucket,
        prefix=prefix,
        fields="items(name,size,crc32c,updated),nextPageToken",
        timeout=gcs_requests.TIMEOUT,
        retry=gcs_requests.READ_RETRY,
    )
    return list(blobs)


def delete_objects(bucket: Bucket, names: Sequence[str]) -> None:
    """Delete the objects; those that are gone already are no error."""

    def delete(name: str) -> None:
        with suppress(api.NotFound):
            bucket.blob(name).delete(timeout=gcs_requests.TIMEOUT, retry=gcs_requests.READ_RETRY)

    each(delete, names)


def _split(file: Path) -> Sequence[_Part]:
    total = file.stat().st_size
    size = max(_LEAST_BYTES, math.ceil(total / _MOST))
    return [_Part(file, offset, min(size, total - offset)) for offset in range(0, max(total, 1), size)]


def _read(part: _Part) -> _Content:
    digest, checksum = hashlib.sha256(), 0
    with part.file.open("rb") as file:
        window = _Window(file, part, uncounted)
        while block := window.read(_BLOCK):
            digest.update(block)
            checksum = google_crc32c.extend(checksum, block)
    return _Content(digest.hexdigest(), FileEntry(size=part.size, crc32c=f"{checksum:08x}"))


class _Window:
    """A part of a file as if it were a file, whose bytes are counted once each, as far as they are read.

    The client reads what it is about to send.
    """

    def __init__(self, file: BinaryIO, part: _Part, progress: Progress) -> None:
        self._file = file
        self._part = part
        self._progress = progress
        self._furthest = 0
        file.seek(part.offset)

    def read(self, size: int = -1) -> bytes:
        left = self._part.size - self.tell()
        content = self._file.read(left if size < 0 else min(size, left))
        if self.tell() > self._furthest:
            self._progress(self.tell() - self._furthest)
            self._furthest = self.tell()
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 0:
            self._file.seek(self._part.offset + offset)
        elif whence == 1:
            self._file.seek(offset, whence)
        else:
            self._file.seek(self._part.offset + self._part.size + offset)
        return self.tell()

    def tell(self) -> int:
        return self._file.tell() - self._part.offset
