"""The benchmark itself, with one pipeline."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from benchmarks.scale.measure import measure
from benchmarks.scale.objects import NAMESPACE, nodes
from benchmarks.scale.plan import Plan
from benchmarks.scale.rig import Rig, running_rig

_EDITS = 2


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A control plane of the benchmark's own, with nodes and the operator."""
    with running_rig(nodes(1)) as made:
        yield made


def test_one_pipeline_is_measured_from_apply_to_idleness(rig: Rig) -> None:
    result = asyncio.run(measure(Plan(1, together=False, rounds=1, edits=_EDITS, idle_seconds=1), rig))

    creation = result.creation
    assert creation.pipelines == creation.to_ready.samples == 1
    assert creation.children >= 6, "a Deployment and a Service for each of three components"
    assert 0 < creation.to_children.p50 <= creation.to_children.p99
    assert creation.all_ready > 0
    assert creation.requests.writes >= creation.pipelines * creation.children
    assert creation.cpu_seconds > 0
    assert result.edit.samples == _EDITS
    assert result.idle.requests.writes == 0
    assert result.memory.peak > 10

    # The pods that KWOK acts out have said what they pulled, and the operator believes them.
    [pipeline] = json.loads(rig.cluster.kubectl("get", "sdpipelines", f"--namespace={NAMESPACE}", "--output=json"))[
        "items"
    ]
    serving = pipeline["status"]["diffusionModel"]["serving"]
    assert (serving["model"], serving["version"]) == ("gs://models/sd-1-5/diffusion-model/1700000000000", 1700000000000)
