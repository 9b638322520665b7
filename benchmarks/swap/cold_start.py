"""How long a pipeline takes from its apply to its first picture."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from demo.storage import BUCKET

from benchmarks.common.progress import bar
from benchmarks.common.results import Seconds
from benchmarks.swap.clients import asking
from benchmarks.swap.padded import Padded
from benchmarks.swap.results import ColdStart
from benchmarks.swap.rig import Rig
from benchmarks.swap.ways import KubeObject, whole
from devcluster.errors import ClusterError
from devcluster.waiting import wait_for
from sdp_serving.client import PipelineError

_CACHE: Final = Path("/srv/sdpipeline/cache/benchmark-swap")
"""Below the folder that deploy/local allows; the node shares the machine's files."""
_PULLER: Final = 65532
_PATIENCE_SECONDS: Final = 240.0


def measure_cold_starts(rig: Rig, model: Padded, rounds: int) -> ColdStart:
    """Apply a pipeline, wait for a picture, delete it, without and with the cache, by turns.

    Raises:
        ClusterError: something was refused, or never came.
    """
    from_storage, from_cache = [], []
    with _cache(), bar("Cold starts", 2 * rounds) as update:
        cached = _pipeline(model, {"cache": {"hostPath": str(_CACHE)}})
        _start(rig, cached)  # fills the cache
        for number in range(rounds):
            from_storage.append(_start(rig, _pipeline(model, {})))
            from_cache.append(_start(rig, cached))
            update(2 * number + 2)
    return ColdStart(
        megabytes=model.megabytes, from_storage=Seconds.of(from_storage), from_cache=Seconds.of(from_cache)
    )


def _pipeline(model: Padded, more: KubeObject) -> KubeObject:
    return whole(f"gs://{BUCKET}/{model.name}", more)


def _start(rig: Rig, pipeline: KubeObject) -> float:
    began = time.monotonic()
    rig.apply([pipeline])
    wait_for("the first picture", lambda: _draws(rig), seconds=_PATIENCE_SECONDS)
    seconds = time.monotonic() - began
    rig.remove([pipeline])
    return seconds


def _draws(rig: Rig) -> bool:
    try:
        with asking(rig, gateway=False) as ask:
            ask()
    except (PipelineError, ClusterError):  # Nothing answers yet, or there is not even a Service.
        return False
    return True


@contextmanager
def _cache() -> Iterator[None]:
    """Have an empty folder for the cache for the length of a `with` block."""
    made = [parent for parent in _CACHE.parents if not parent.exists()]
    shutil.rmtree(_CACHE, ignore_errors=True)
    _CACHE.mkdir(parents=True)
    os.chown(_CACHE, _PULLER, _PULLER)
    try:
        yield
    finally:
        shutil.rmtree(_CACHE)
        for parent in made:
            parent.rmdir()
