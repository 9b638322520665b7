"""What the puller asks of a place where models lie."""

from collections.abc import Mapping, Sequence
from typing import BinaryIO, Protocol

from sdp_serving.contract.artifact import ModelUri, Version


class Storage(Protocol):
    """One model's location. Every method raises PullError, with the reason, when the place does not answer."""

    def folders(self) -> Sequence[str]:
        """Names of the folders directly below the location; none when it does not exist."""

    def files(self, version: Version) -> Mapping[str, int]:
        """Sizes in bytes of a version's files, by their path in it; empty when there is no such version."""

    def read(self, version: Version, path: str) -> bytes:
        """All bytes of a small file that `files` listed."""

    def stream(self, version: Version, path: str, part: range, into: BinaryIO) -> None:
        """Write the bytes of the file at the positions in `part`, never empty, to `into`, where it stands."""


def open_storage(uri: ModelUri, *, patience: float) -> Storage:
    """The storage that `uri` points into.

    Args:
        uri: the model's location.
        patience: seconds during which a transient error of the storage is tried again.
    """
    match uri.scheme:
        case "file":
            from sdp_serving.puller.folder import Folder

            return Folder(uri)
        case "gs":
            # Imported only here: Google's library takes most of a second.
            from sdp_serving.puller.bucket import Bucket

            return Bucket(uri, patience=patience)
