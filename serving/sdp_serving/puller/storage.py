"""What the puller asks of a place where models lie."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import google_crc32c

from sdp_serving.contract.artifact import ModelUri, Version
from sdp_serving.contract.report import PullFailure
from sdp_serving.puller.errors import PullError

PARTS_OVER_A_NETWORK: Final = 8
"""`Storage.parts_at_once` of a place where each waits for the network most of the time."""


@dataclass(frozen=True)
class Stored:
    """A file as the storage lists it.

    Attributes:
        size: in bytes.
        crc32c: its checksum as 8 hexadecimal digits, as the storage tells it; None where that tells none.
        edition: what another content under the same name would differ in; None where nothing tells.
        in_parts: whether parts of it can be asked for.
    """

    size: int
    crc32c: str | None = None
    edition: str | None = None
    in_parts: bool = True


class Part:
    """A part of a file on its way into another file: how far it has come, and its checksum so far."""

    def __init__(self, wanted: range, into: BinaryIO, progress: Callable[[int], None]) -> None:
        into.seek(wanted.start)
        self.missing = wanted
        self.crc = 0
        self._into = into
        self._progress = progress

    def write(self, chunk: bytes) -> None:
        """Take the next bytes; there are never more of them than are missing."""
        self._into.write(chunk)
        self.missing = self.missing[len(chunk) :]
        self.crc = google_crc32c.extend(self.crc, chunk)
        self._progress(len(chunk))


class Storage(Protocol):
    """One model's location. Every method raises PullError, with the reason, when the place does not answer."""

    parts_at_once: int
    """How many parts of files are best streamed at a time."""

    def folders(self) -> Sequence[str]:
        """Names of the folders directly below the location; none when it does not exist."""

    def files(self, version: Version) -> Mapping[str, Stored]:
        """A version's files, by their path in it; empty when there is no such version."""

    def read(self, version: Version, path: str, file: Stored) -> bytes:
        """All bytes of a small file that `files` listed."""

    def stream(self, version: Version, path: str, file: Stored, part: Part) -> None:
        """Write all that is missing of a part of a file that `files` listed. Refuses a file that has changed since."""


def open_storage(uri: ModelUri, *, patience: float) -> Storage:
    """The storage that `uri` points into.

    Args:
        uri: the model's location.
        patience: seconds during which a transient error of the storage is tried again.
    """
    match uri.scheme:
        case "file":
            from sdp_serving.puller.folder import Folder

            return Folder(Path(uri.location))
        case "pvc":
            # Its server reads it where it lies.
            raise PullError(PullFailure.UNUSABLE_URI, f"{uri} is on a claim, which is mounted and never pulled")
        case "https":
            from sdp_serving.puller.web import Web

            return Web(uri, patience=patience)
        case "gs":
            # Imported only here: Google's library takes most of a second.
            from sdp_serving.puller.bucket import Bucket

            return Bucket(uri, patience=patience)
