"""The artifact around a SavedModel: its version and its manifest."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import google_crc32c

from sdp_exporter import __version__
from sdp_exporter.sources import Source
from sdp_serving.contract.artifact import FileEntry, Manifest, Version
from sdp_serving.contract.signatures import Signature

_BLOCK = 1 << 20


def next_version(now: datetime, taken: Sequence[Version]) -> Version:
    """The version for an export at `now`: milliseconds since the epoch, but above every one there."""
    return Version(max(int(now.timestamp() * 1000), max(taken, default=Version(0)) + 1))


def file_entries(folder: Path) -> Mapping[str, FileEntry]:
    """Every file under `folder` by its path there, with its size and checksum."""
    return {
        path.relative_to(folder).as_posix(): FileEntry(size=path.stat().st_size, crc32c=_crc32c(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def describe(
    source: Source,
    *,
    version: Version,
    created: datetime,
    digest: str,
    tensorflow: str,
    signatures: Mapping[str, Signature],
    files: Mapping[str, FileEntry],
) -> Manifest:
    """The manifest of `source` as it was exported."""
    return Manifest.model_validate(
        {
            "component": source.component,
            "version": version,
            "created": created,
            "sd_version": source.sd_version,
            "width": source.width,
            "image_size": source.image_size,
            "image_sizes": source.image_sizes,
            "precision": source.precision,
            "jit_compiled": source.jit_compile,
            "tensorflow": tensorflow,
            "exporter": __version__,
            "weights": source.name,
            "source_digest": digest,
            "words": source.words,
            "signatures": signatures,
            "files": files,
        }
    )


def _crc32c(path: Path) -> str:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            checksum = google_crc32c.extend(checksum, block)
    return f"{checksum:08x}"
