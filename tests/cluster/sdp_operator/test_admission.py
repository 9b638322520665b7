"""What the API server refuses, and the sentence that it refuses with."""

from typing import Any

import pytest
from tests.support.pipeline_client import EXAMPLE, PipelineClient

from devcluster.errors import ClusterError
from devcluster.pytest_plugin import Namespace

MODEL = {"model": "gs://bucket/decoder"}


@pytest.mark.parametrize(
    ("component", "sentence"),
    [
        ({**MODEL, "colour": "red"}, 'unknown field "spec.decoder.colour"'),
        ({**MODEL, "gpu": {"count": -1}}, "spec.decoder.gpu.count in body should be greater than or equal to 0"),
        (
            {**MODEL, "gpu": {"count": 0, "accelerator": "nvidia-l4"}},
            "spec.decoder.gpu: Invalid value: gpu.accelerator",
        ),
        ({**MODEL, "image": "i"}, "spec.decoder: Invalid value: set exactly one source of the component: model"),
        ({}, "spec.decoder: Invalid value: set exactly one source of the component: model"),
        ({"model": ""}, 'spec.decoder.model: Invalid value: "": model must be the URI of an exported model'),
        ({"model": "s3://b/x"}, 'spec.decoder.model: Invalid value: "s3://b/x": model must be the URI'),
        ({"model": "gs://b/../x"}, "model must not contain '..': write the folder's full path"),
        ({"image": ""}, "spec.decoder.image in body should be at least 1 chars long"),
        ({"image": "i", "server": {"image": "j"}}, "server.image can't be set together with image"),
        ({**MODEL, "resources": {"limits": {"nvidia.com/gpu": 1}}}, "ask for GPUs with gpu.count"),
        (
            {**MODEL, "resources": {"limits": {"memory": "8 Gigs"}}},
            "spec.decoder.resources.limits: Invalid value: every amount must be a quantity",
        ),
        ({**MODEL, "replicas": -1}, "spec.decoder.replicas in body should be greater than or equal to 0"),
        ({**MODEL, "restTimeoutSeconds": 0}, "spec.decoder.restTimeoutSeconds in body should be greater than"),
    ],
)
def test_a_bad_component_is_refused_by_the_name_of_its_field(
    pipelines: PipelineClient, component: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ClusterError) as refused:
        pipelines.apply({"decoder": component})
    assert sentence in str(refused.value)


def test_a_pipeline_without_components_is_refused(pipelines: PipelineClient) -> None:
    with pytest.raises(ClusterError, match="spec needs at least one component: add textEncoder"):
        pipelines.apply({})


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("a" * 48, "metadata.name must have at most 47 characters"),
        ("9lives", "metadata.name must start with a letter"),
        ("a.b", "metadata.name must start with a letter"),
    ],
)
def test_a_name_that_its_services_cannot_bear_is_refused(pipelines: PipelineClient, name: str, sentence: str) -> None:
    with pytest.raises(ClusterError, match=sentence):
        pipelines.apply({"decoder": MODEL}, name=name)


def test_the_longest_name_and_three_lines_are_enough(pipelines: PipelineClient) -> None:
    pipelines.apply({"decoder": MODEL}, name="a" * 47)
    spec = pipelines.get(name="a" * 47)["spec"]
    assert spec == {"decoder": {**MODEL, "replicas": 1, "restTimeoutSeconds": 120}}


def test_the_example_is_accepted(pipelines: PipelineClient) -> None:
    pipelines.apply(EXAMPLE["spec"])


def test_fields_are_explained(installed: object, namespace: Namespace) -> None:
    explained = namespace.kubectl("explain", "sdpipeline.spec.diffusionModel.model")
    assert "Changing this field swaps" in " ".join(explained.split()), "kubectl wraps the lines"
