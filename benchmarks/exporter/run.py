"""The whole benchmark: each way at each size in a process of its own, one after the other."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.common.machine import REPOSITORY, commit_of, this_machine
from benchmarks.common.progress import bar
from benchmarks.common.results import Seconds
from benchmarks.exporter.goals import DDIM, DPM_SOLVER, LONG
from benchmarks.exporter.plan import QUICK, Plan
from benchmarks.exporter.results import Drawn, Products, Results
from benchmarks.exporter.ways import FASTEST, SEED, Way

_LIBRARIES: Final = ("tensorflow-cpu", "keras", "keras-cv")
_DIFFUSERS: Final = Path(__file__).parent / "diffusers_process.py"


class MeasureError(Exception):
    """A process failed; the text says which, and how it ended."""


def run(plan: Plan, ways: Sequence[Way], diffusers: Path | None) -> Iterator[Results]:
    """Measure one after the other; gives after each what there is so far.

    Args:
        plan: how large and how often.
        ways: the ways to draw.
        diffusers: a Python that has diffusers and PyTorch; None to leave its ways out.

    Raises:
        MeasureError: a process failed.
    """
    found = _measured("The machine", [sys.executable, "-m", "benchmarks.exporter.process"], _job(plan, None), {})
    results = Results(
        when=datetime.now(UTC),
        commit=commit_of("exporter"),
        machine=this_machine(),
        libraries={name: version(name) for name in _LIBRARIES},
        products=Products(**found["products"]),
        operations=found["operations"],
    )
    for size in plan.sizes:
        for way in ways:
            if str(way.what).startswith("diffusers"):
                if diffusers is None:
                    continue
                command, job = [str(diffusers), str(_DIFFUSERS)], _diffusers_job(plan, way, size)
            else:
                command = [sys.executable, "-m", "benchmarks.exporter.process"]
                job = {**_job(plan, way.title), "size": size}
            pictures = _pictures(plan, way, size)
            environment = {"TF_ONEDNN_ASSUME_FROZEN_WEIGHTS": "1"} if way.frozen else {}
            found = _measured(f"{size} px, {way.title}", command, {**job, "pictures": pictures}, environment)
            drawn = Drawn(
                way=way.title,
                size=size,
                step=Seconds.of(found["steps"]),
                pictures={name: round(seconds, 3) for name, seconds in found["pictures"].items()},
                memory=round(found["memory"]),
            )
            results = results.model_copy(update={"drawn": [*results.drawn, drawn]})
            yield results


def _pictures(plan: Plan, way: Way, size: int) -> Mapping[str, tuple[int, str]]:
    """Whole pictures by what results call them: how many steps, and by which sampler."""
    compared = {SEED: {LONG: (plan.long_picture, DDIM)}, FASTEST: {DPM_SOLVER: (plan.picture, DPM_SOLVER)}}
    by_all = {DDIM: (plan.picture, DDIM)} if size == plan.drawn_by_all else {}
    return {**by_all, **compared.get(way, {})}


def _job(plan: Plan, way: str | None) -> dict[str, Any]:
    return {"quick": plan == QUICK, "way": way}


def _diffusers_job(plan: Plan, way: Way, size: int) -> dict[str, Any]:
    return {
        "steps": plan.steps,
        "size": size,
        "channels": plan.unet.channels,
        "width": plan.unet.width,
        "heads": plan.unet.heads,
        "dtype": "bfloat16" if way.what == "diffusers-bfloat16" else "float32",
    }


def _measured(
    title: str, command: Sequence[str], job: Mapping[str, Any], environment: Mapping[str, str]
) -> dict[str, Any]:
    with bar(title, 1):
        ended = subprocess.run(
            [*command, json.dumps(job)],
            cwd=REPOSITORY,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
    if ended.returncode:
        raise MeasureError(f"{title}: exit code {ended.returncode}:\n{ended.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return answer
