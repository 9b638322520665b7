"""Where artifacts go: Google Cloud Storage or a folder."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sdp_serving.contract.artifact import MANIFEST, SAVED_MODEL, FileEntry, Manifest, ModelUri, Version

Progress = Callable[[int], None]
"""Told how many more bytes are stored, from any thread."""

Publish = Callable[[Manifest], None]
"""Makes a version of what was brought in: whole, or never to be served.

Raises:
    VersionTakenError: if the version is another exporter's; nothing of it was changed.
"""


@dataclass(frozen=True)
class Stored:
    """A version as it lies in its store.

    Attributes:
        version: its number.
        sizes: bytes of each of its files, the manifest among them.
        changed: when the last of them was written.
        manifest: what it says of itself; None when it has none that can be read.
    """

    version: Version
    sizes: Mapping[str, int]
    changed: datetime
    manifest: Manifest | None

    @property
    def is_whole(self) -> bool:
        """Whether it can be served: saved_model.pb comes last."""
        return SAVED_MODEL in self.sizes

    @property
    def size(self) -> int:
        """Bytes of all its files but the manifest."""
        return sum(size for path, size in self.sizes.items() if path != MANIFEST)


class Store(Protocol):
    """The versions of one model. Every method raises StoreError when the place is missing, closed or out of reach."""

    def require_writable(self) -> None:
        """Find out whether models can be brought here, and change nothing.

        Raises:
            StoreError: if they can't.
        """
        ...

    def taken(self) -> Sequence[Version]:
        """Every version there, whole or not, oldest first."""
        ...

    def newest(self) -> Manifest | None:
        """The manifest of the newest whole version; None when there is none, or none that can be read."""
        ...

    def bringing(
        self, folder: Path, files: Mapping[str, FileEntry], progress: Progress
    ) -> AbstractContextManager[Publish]:
        """Bring `files`, which lie in `folder`, to where no reader sees them; within the context they can be published.

        What an earlier attempt that died has brought into a bucket already is not sent again.
        """
        ...

    def versions(self) -> Sequence[Stored]:
        """Every version there, whole or not, oldest first."""
        ...

    def checksums(self, version: Version) -> Mapping[str, FileEntry]:
        """Every file of a version but the manifest, as it lies there."""
        ...

    def delete(self, version: Version) -> None:
        """Delete a version, saved_model.pb first: one that dies half-way leaves nothing that is taken for whole."""
        ...

    def delete_leftovers(self, before: datetime) -> int:
        """Delete what exports that died before this time have brought and not published.

        Returns:
            How many bytes that frees.
        """
        ...


def open_store(uri: ModelUri) -> Store:
    """The store of the model at `uri`, whose version is ignored.

    Raises:
        StoreError: if its credentials are missing.
    """
    # Imported when wanted: the client of Google Cloud Storage takes half a second to load.
    if uri.scheme == "gs":
        from sdp_exporter.stores.gcs import GcsStore

        return GcsStore.open(uri)
    from sdp_exporter.stores.folder import FolderStore

    return FolderStore(Path(uri.location))
