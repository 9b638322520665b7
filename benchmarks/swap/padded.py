"""A model as large as one likes: sd-tiny's diffusion model beside bytes that nobody reads."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from demo.shell import quietly

from devcluster.paths import cache_dir
from sdp_serving.contract.artifact import MANIFEST
from sdp_serving.contract.components import Component
from sdp_serving.puller.verify import crc32c

_PAD: Final = "assets.extra/padding"
_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class Padded:
    """The model's only version.

    Attributes:
        folder: where its files are.
        name: where it lies in the bucket, once it was uploaded.
    """

    folder: Path
    name: str

    @property
    def files(self) -> Sequence[str]:
        """The files' paths in the folder."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    @property
    def megabytes(self) -> float:
        """The size of all files, in units of 1,000,000 bytes."""
        return round(sum((self.folder / path).stat().st_size for path in self.files) / 1e6, 1)


def export_padded(mebibytes: int) -> Padded:
    """Export the model with a file of random bytes added; it is kept for the next run.

    The bytes can't be packed, and a server that loads the model does not look at them.

    Raises:
        DemoError: the exporter failed.
    """
    home = cache_dir() / "benchmark-swap" / f"padded-{mebibytes}"
    model, done = home / Component.DIFFUSION_MODEL, home / "done"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        quietly("sdpipeline", "export", "sd-tiny", "--component", Component.DIFFUSION_MODEL, "--to", home.as_uri())
        (version,) = model.iterdir()
        _pad(version, mebibytes)
        done.touch()
    (version,) = model.iterdir()
    return Padded(version, f"{home.name}/{Component.DIFFUSION_MODEL}/{version.name}")


def _pad(version: Path, mebibytes: int) -> None:
    pad = version / _PAD
    pad.parent.mkdir(exist_ok=True)
    with pad.open("wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(_PIECE))
    manifest = json.loads((version / MANIFEST).read_text())
    manifest["files"][_PAD] = {"size": pad.stat().st_size, "crc32c": crc32c(pad)}
    (version / MANIFEST).write_text(json.dumps(manifest))
