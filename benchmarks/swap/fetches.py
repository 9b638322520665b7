"""How fast the puller brings a model, beside a plain copy of the same bytes."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from demo.storage import BUCKET

from benchmarks.common.machine import REPOSITORY
from benchmarks.common.progress import bar
from benchmarks.common.results import Seconds
from benchmarks.swap.bucket import endpoint, media
from benchmarks.swap.padded import Padded
from benchmarks.swap.results import Fetch
from benchmarks.swap.rig import Rig
from devcluster.errors import ClusterError
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import Pulled, read_report
from sdp_serving.contract.swap import DesiredModels, ModelNumber, NumberedModel, PodModels

_ROLLOUT: Final = "benchmark"
_PIECE: Final = 1 << 20

Copy = Callable[[Path], None]
"""Copies the model's files below a folder."""


def measure_fetches(rig: Rig, model: Padded, rounds: int) -> Iterator[Fetch]:
    """Bring the model from the bucket and from a folder.

    Raises:
        ClusterError: the puller failed.
    """

    def download(to: Path) -> None:
        for path in model.files:
            target = to / path
            target.parent.mkdir(parents=True, exist_ok=True)
            url = media(rig, f"{model.name}/{path}")
            with urllib.request.urlopen(url) as source, target.open("wb") as sink:  # noqa: S310 - the emulator's
                shutil.copyfileobj(source, sink, _PIECE)

    def copy(to: Path) -> None:
        shutil.copytree(model.folder, to, dirs_exist_ok=True)

    bucket = ModelUri.parse(f"gs://{BUCKET}/{model.name}")
    yield _measure(rig, "bucket", bucket, download, model, rounds)
    yield _measure(rig, "folder", ModelUri.parse(model.folder.as_uri()), copy, model, rounds)


def _measure(rig: Rig, source: str, uri: ModelUri, copy: Copy, model: Padded, rounds: int) -> Fetch:
    pulled, copied = [], []
    with bar(f"Fetching {model.megabytes:.0f} MB from a {source}", rounds) as update:
        for number in range(rounds):
            # By turns, so that what else the machine does meets both.
            copied.append(_timed(copy))
            pulled.append(_pull(rig, uri))
            update(number + 1)
    return Fetch(source=source, megabytes=model.megabytes, puller=Seconds.of(pulled), plain=Seconds.of(copied))


def _timed(copy: Copy) -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        copy(Path(folder))
        return time.monotonic() - began


def _pull(rig: Rig, uri: ModelUri) -> float:
    """What the puller says that it took: from its first look at the storage to the verified model."""
    with tempfile.TemporaryDirectory() as work:
        desired, report = Path(work, "desired.json"), Path(work, "report.json")
        models = PodModels(serving=NumberedModel(number=ModelNumber(1), uri=str(uri)))
        desired.write_text(DesiredModels(rollouts={_ROLLOUT: models}).model_dump_json())
        command = [sys.executable, "-m", "sdp_serving.puller", "fetch", f"--component={Component.DIFFUSION_MODEL}"]
        command += [f"--rollout={_ROLLOUT}", f"--desired={desired}", f"--report={report}", f"--models={work}/models"]
        environment = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY / "serving"),
            "STORAGE_EMULATOR_HOST": endpoint(rig),
        }
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        found = read_report(report.read_text()) if report.exists() else None
        if not isinstance(found, Pulled):
            raise ClusterError(f"The puller failed: {run.stderr.strip()[-2000:]}")
        return found.seconds
