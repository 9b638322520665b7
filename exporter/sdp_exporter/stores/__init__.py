"""Where artifacts go: Google Cloud Storage or a folder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from sdp_serving.contract.artifact import Manifest, ModelUri, Version

Progress = Callable[[int], None]
"""Told how many more bytes are stored, from any thread."""


class Store(Protocol):
    """The versions of one model. Every method raises StoreError when the place is missing, closed or out of reach."""

    def taken(self) -> Sequence[Version]:
        """Every version there, whole or not, oldest first."""
        ...

    def newest(self) -> Manifest | None:
        """The manifest of the newest whole version; None when there is none, or none that can be read."""
        ...

    def publish(self, folder: Path, manifest: Manifest, progress: Progress) -> None:
        """Store the SavedModel in `folder` as `manifest.version`: whole, or never to be served.

        Raises:
            VersionTakenError: if the version is there already; nothing was stored.
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
