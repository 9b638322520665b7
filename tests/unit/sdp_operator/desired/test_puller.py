"""The containers that bring and verify models."""

from typing import Any

import pytest
from tests.support.pipelines import pipeline

from sdp_operator.desired.puller import CONTAINER, SIDECAR, puller_volumes, pullers
from sdp_operator.desired.source import Rollout, source_of
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component

URI = "gs://b/m"


def _pullers(uri: str = URI, component: KubeObject | None = None, **of_the_pipeline: Any) -> list[KubeObject]:
    """The pullers of a decoder."""
    parent = pipeline({"decoder": {"model": uri, **(component or {})}, **of_the_pipeline})
    spec = parent.spec.components[Component.DECODER]
    return pullers(parent, Component.DECODER, spec, Rollout("7", source_of(uri), "Surge"), Settings())


def _args(**asked: Any) -> list[str]:
    args: list[str] = _pullers(**asked)[0]["args"]
    return args


def test_one_puller_brings_the_first_model_and_one_that_stays_brings_the_others() -> None:
    first, sidecar = _pullers()
    assert (first["name"], sidecar["name"]) == (CONTAINER, SIDECAR)
    assert first["args"][0] == "fetch"
    assert sidecar["args"] == ["follow", *first["args"][1:]]
    assert "restartPolicy" not in first
    assert sidecar["restartPolicy"] == "Always"


def test_the_server_does_not_wait_for_the_sidecar_which_waits_for_the_server() -> None:
    assert "startupProbe" not in _pullers()[1]


def test_a_pod_takes_requests_once_its_model_has_been_proven() -> None:
    assert _pullers()[1]["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": 8510}


def test_the_puller_reads_what_its_rollout_is_to_have() -> None:
    args = _args()
    assert args[1:7] == [
        *("--component", "decoder", "--rollout", "7"),
        *("--desired", "/etc/sdpipeline/desired.json"),
    ]
    assert not any(URI in arg for arg in args)


@pytest.mark.parametrize(
    ("asked", "flags"),
    [
        ({"stableDiffusion": {"version": "2.1"}}, "--sd-version 2.1"),
        ({"stableDiffusion": {"version": "1.5", "height": 512, "width": 768}}, "--sd-version 1.5 --image-size 512x768"),
        ({"component": {"batching": {}}}, "--batching"),
        ({}, "--server-tensorflow 2.20"),
        ({"component": {"server": {"image": "mirror:5000/tensorflow/serving:2.19.1-gpu"}}}, "--server-tensorflow 2.19"),
        ({"cache": {"claimName": "c", "sizeGiB": 2}}, "--cache /cache --cache-bytes 2147483648"),
    ],
)
def test_the_puller_is_told_what_a_model_must_be_and_where_to_keep_it(asked: KubeObject, flags: str) -> None:
    assert flags in " ".join(_args(**asked))


@pytest.mark.parametrize("image", ["registry/serving:1.0", "tensorflow/serving:latest", "tensorflow/serving"])
def test_an_image_that_does_not_tell_its_tensorflow_takes_any_model(image: str) -> None:
    assert "--server-tensorflow" not in _args(component={"server": {"image": image}})


def test_a_model_on_a_claim_is_only_verified() -> None:
    (container,) = _pullers("pvc://claim/sd/decoder", cache={"claimName": "c"})
    assert container["name"] == CONTAINER
    assert container["args"][0] == "verify"
    assert not {"--models", "--cache"} & set(container["args"])
    assert {"name": "model-claim", "mountPath": "/mnt/claim", "readOnly": True} in container["volumeMounts"]


def test_a_quota_of_cpu_and_memory_finds_what_it_counts() -> None:
    for container in _pullers():
        assert {kind: set(amounts) for kind, amounts in container["resources"].items()} == {
            "requests": {"cpu", "memory"},
            "limits": {"cpu", "memory"},
        }


@pytest.mark.parametrize(
    "asked",
    [
        {"uri": URI, "storage": {"secretName": "key"}},
        {"uri": URI, "cache": {"claimName": "cache"}},
        {"uri": URI, "cache": {"hostPath": "/var/cache/x"}},
        {"uri": "https://host/m/17"},
        {"uri": "pvc://claim/m"},
    ],
)
def test_all_that_is_mounted_is_there(asked: KubeObject) -> None:
    of_the_pipeline = {key: value for key, value in asked.items() if key != "uri"}
    parent = pipeline({"decoder": {"model": asked["uri"]}, **of_the_pipeline})
    volumes = puller_volumes(parent, Component.DECODER, source_of(asked["uri"]), Settings())
    for container in _pullers(**asked):
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert {volume["name"] for volume in volumes} == mounted - {"tmp"}


def test_the_puller_reads_the_storage_with_the_pipelines_key() -> None:
    for container in _pullers(storage={"secretName": "key"}):
        assert "GOOGLE_APPLICATION_CREDENTIALS" in [variable["name"] for variable in container["env"]]
