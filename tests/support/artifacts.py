"""Artifacts without a model in them, for tests of what carries them."""

from datetime import UTC, datetime
from pathlib import Path

from sdp_exporter.artifact import file_entries
from sdp_serving.contract.artifact import Manifest
from sdp_serving.contract.components import Component

VARIABLES = "variables/variables.data-00000-of-00001"
FILES = ["fingerprint.pb", "saved_model.pb", VARIABLES, "variables/variables.index"]


def saved_model(folder: Path, content: str = "content") -> Path:
    """A folder with a SavedModel's files."""
    for path in FILES:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"{content} of {path}")
    return folder


def manifest(folder: Path, version: int, digest: str = "0" * 64) -> Manifest:
    """What lies in `folder`, as a version."""
    return Manifest.model_validate(
        {
            "component": Component.DECODER,
            "version": version,
            "created": datetime(2026, 1, 1, tzinfo=UTC),
            "sd_version": "toy",
            "width": 6,
            "image_size": 16,
            "tensorflow": "2.20.0",
            "exporter": "0.1.0",
            "weights": "toy/base",
            "source_digest": f"sha256:{digest}",
            "signatures": {},
            "files": file_entries(folder),
        }
    )
