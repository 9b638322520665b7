"""The container that brings a model."""

import pytest
from tests.support.pipelines import pipeline

from sdp_operator.desired.puller import puller, puller_volumes
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component

URI = ModelUri.parse("gs://b/m")
COMPONENT: KubeObject = {"decoder": {"model": str(URI)}}


@pytest.mark.parametrize(
    ("asked", "flags"),
    [
        ({}, []),
        ({"stableDiffusion": {"version": "2.1"}}, ["--sd-version", "2.1"]),
        (
            {"stableDiffusion": {"version": "1.5", "height": 512, "width": 768}},
            ["--sd-version", "1.5", "--image-size", "512x768"],
        ),
    ],
)
def test_a_model_must_be_what_the_pipeline_says(asked: KubeObject, flags: list[str]) -> None:
    args = puller(pipeline({**COMPONENT, **asked}), Component.DECODER, URI, Settings())["args"]
    assert args == ["--component", "decoder", "--uri", "gs://b/m", "--models", "/models", *flags]


def test_a_quota_of_cpu_and_memory_finds_what_it_counts() -> None:
    resources = puller(pipeline(COMPONENT), Component.DECODER, URI, Settings())["resources"]
    assert {kind: set(amounts) for kind, amounts in resources.items()} == {
        "requests": {"cpu", "memory"},
        "limits": {"cpu", "memory"},
    }


def test_the_uri_reaches_the_puller_as_it_was_written() -> None:
    uri = ModelUri.parse("gs://b/$(HOME)")
    args = puller(pipeline({"decoder": {"model": str(uri)}}), Component.DECODER, uri, Settings())["args"]
    assert "gs://b/$$(HOME)" in args, "Kubernetes makes gs://b/$(HOME) of it"


def test_the_puller_reads_the_storage_with_the_pipelines_key() -> None:
    parent = pipeline({**COMPONENT, "storage": {"secretName": "key"}})
    container = puller(parent, Component.DECODER, URI, Settings())
    assert "GOOGLE_APPLICATION_CREDENTIALS" in [variable["name"] for variable in container["env"]]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    volumes = puller_volumes(parent, URI, Settings())
    assert {volume["name"] for volume in volumes} == mounted - {"tmp"}
    assert "key" in [volume["secret"]["secretName"] for volume in volumes if "secret" in volume]
