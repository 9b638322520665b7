"""The nodes and pipelines of the benchmark."""

import pytest
from benchmarks.scale.objects import edited, nodes, pipeline

from sdp_operator.api.v1alpha1 import Pipeline


@pytest.mark.parametrize("pipelines", [1, 10, 100, 500])
def test_the_nodes_have_room_for_every_pipelines_swap(pipelines: int) -> None:
    allocatable = [node["status"]["allocatable"] for node in nodes(pipelines)]

    gpus = sum(int(amounts.get("nvidia.com/gpu", 0)) for amounts in allocatable)
    pods = sum(int(amounts["pods"]) for amounts in allocatable if "nvidia.com/gpu" not in amounts)
    assert gpus >= 2 * pipelines
    assert pods >= 4 * pipelines


def test_the_operator_accepts_the_pipeline_and_its_edit() -> None:
    body = pipeline("sd")
    made = {**body, "metadata": {**body["metadata"], "uid": "a", "generation": 1}}

    parsed = Pipeline.parse(made)
    assert parsed.name == "sd"
    changed = {**body["spec"]["diffusionModel"], **edited(1000)["spec"]["diffusionModel"]}
    assert Pipeline.parse({**made, "spec": {**body["spec"], "diffusionModel": changed}}).spec != parsed.spec
