"""The Deployment of a component: what holds of every spec, and what each option does."""

from pathlib import PurePosixPath
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.pipelines import pipeline

from sdp_operator.desired.deployment import deployment, revision
from sdp_operator.desired.service import service
from sdp_operator.desired.source import Baked, Pulled, Rollout, declared_source
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component

SETTINGS = Settings(local_files_root=PurePosixPath("/srv/models"))


def _made(component: KubeObject, settings: Settings = SETTINGS, **of_the_pipeline: Any) -> KubeObject:
    """The Deployment of a decoder that the component's fields describe."""
    parent = pipeline({"decoder": {"model": "gs://b/d", **component}, **of_the_pipeline})
    spec = parent.spec.components[Component.DECODER]
    source = declared_source(spec)
    assert source is not None
    return deployment(parent, Component.DECODER, spec, Rollout("1", source, "Surge"), settings)


def _pod(deployment_: KubeObject) -> KubeObject:
    pod: KubeObject = deployment_["spec"]["template"]["spec"]
    return pod


@pytest.mark.parametrize(
    ("component", "image"),
    [
        ({}, "tf:cpu"),
        ({"gpu": {}}, "tf:gpu"),
        ({"gpu": {"count": 0}}, "tf:cpu"),
        ({"gpu": {}, "server": {"image": "tf:own"}}, "tf:own"),
        ({"gpu": {}, "server": {"warmUp": True}}, "tf:gpu"),
    ],
)
def test_a_component_with_a_gpu_gets_the_model_server_that_uses_it(component: KubeObject, image: str) -> None:
    settings = Settings(server_image="tf:cpu", gpu_server_image="tf:gpu")
    assert _pod(_made(component, settings))["containers"][0]["image"] == image


def test_the_pods_serve_the_source_that_the_caller_has_found() -> None:
    parent = pipeline({
        "decoder": {"weights": "striped"},
        "export": {"to": "gs://b/exported"},
        "stableDiffusion": {"version": "tiny"},
    })  # fmt: skip
    source = Pulled(ModelUri.parse("file:///srv/models/abc"))
    rollout = Rollout("1", source, "Surge")
    made = deployment(parent, Component.DECODER, parent.spec.components[Component.DECODER], rollout, SETTINGS)
    assert "local-files" in [volume["name"] for volume in _pod(made)["volumes"]]


def test_the_accelerator_is_found_by_the_label_that_the_administrator_chose() -> None:
    settings = Settings(accelerator_label="nvidia.com/gpu.product")
    assert _pod(_made({"gpu": {"accelerator": "Tesla-T4"}}, settings))["nodeSelector"] == {
        "nvidia.com/gpu.product": "Tesla-T4"
    }


def test_another_model_of_a_rollout_leaves_the_pods_alone_since_their_puller_brings_it() -> None:
    assert revision(_made({"model": "gs://b/d/17"})) == revision(_made({"model": "gs://b/other"}))


def test_the_pods_carry_their_rollout() -> None:
    assert _made({})["spec"]["template"]["metadata"]["annotations"]["sdpipeline.dev/rollout"] == "1"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"replicas": 1}, {"replicas": 2}),
        ({"replicas": 2}, {"autoscaling": {"maxReplicas": 9, "metric": {"name": "m", "averageValue": 1}}}),
        ({}, {"service": {"type": "NodePort"}}),
        ({}, {"gpu": {"count": 0, "driverCheck": "Off"}}),
    ],
)
def test_what_does_not_concern_the_pods_leaves_them_alone(before: KubeObject, after: KubeObject) -> None:
    assert revision(_made(before)) == revision(_made(after))


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "file:///srv/models/other"},
        {"model": "pvc://claim/d"},
        {"image": "registry/d:1", "model": None},
        {"batching": {}},
        {"overrides": {"annotations": {"example.com/note": "x"}}},
        {"overrides": {"labels": {"team": "x"}}},
        {"priorityClassName": "high"},
        {"server": {"warmUp": False}},
        {"restTimeoutSeconds": 7},
    ],
)
def test_what_concerns_the_pods_makes_them_anew(changed: KubeObject) -> None:
    assert revision(_made({})) != revision(_made(changed))


def test_another_batch_size_makes_the_pods_anew_since_the_server_reads_it_only_at_its_start() -> None:
    assert revision(_made({"batching": {"maxBatchSize": 2}})) != revision(_made({"batching": {"maxBatchSize": 4}}))


def test_an_autoscaler_decides_on_replicas_alone() -> None:
    autoscaling = {"maxReplicas": 9, "metric": {"name": "m", "averageValue": 1}}
    assert "replicas" not in _made({"replicas": 3, "autoscaling": autoscaling})["spec"]


@pytest.mark.parametrize(("strategy", "surge", "unavailable"), [("Surge", 1, 0), ("Drain", 0, 1)])
def test_the_strategy_says_which_pod_comes_first(
    strategy: Literal["Surge", "Drain"], surge: int, unavailable: int
) -> None:
    parent = pipeline({"decoder": {"image": "i"}})
    rollout = Rollout("1", Baked("i"), strategy)
    made = deployment(parent, Component.DECODER, parent.spec.components[Component.DECODER], rollout, SETTINGS)
    assert made["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": surge, "maxUnavailable": unavailable}


def test_a_users_revision_label_does_not_hide_the_operators() -> None:
    marked = _made({"overrides": {"labels": {"sdpipeline.dev/revision": "mine"}}})
    assert revision(marked) not in ("mine", "")


def test_pods_pull_their_images_and_read_their_models_with_the_pipelines_secrets() -> None:
    pod = _pod(_made({}, imagePullSecrets=[{"name": "registry"}], storage={"serviceAccountName": "models"}))
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["serviceAccountName"] == "models"


_AFFINITY: KubeObject = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}
_VOLUMES = [{"name": "scratch", "emptyDir": {}}, {"name": "tmp", "nfs": {"server": "n", "path": "/"}}]
_OVERRIDES = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.dictionaries(st.sampled_from(["team", "app.kubernetes.io/name"]), st.just("x")),
        "annotations": st.dictionaries(st.sampled_from(["note", "sdpipeline.dev/config"]), st.just("x")),
        "env": st.just([{"name": "A", "value": ""}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]),
        "args": st.lists(st.sampled_from(["--port=1", "--new=1", "odd"]), max_size=2),
    },
)
_OVERRIDES_WITH_VOLUMES = st.builds(
    lambda others: {**others, "volumes": _VOLUMES, "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]},
    _OVERRIDES,
)
_COMPONENT = st.fixed_dictionaries(
    {},
    optional={
        "gpu": st.fixed_dictionaries({"count": st.integers(1, 4)}, optional={"accelerator": st.just("nvidia-l4")}),
        "nodeSelector": st.dictionaries(st.sampled_from(["zone", "pool"]), st.just("x")),
        "tolerations": st.lists(st.just({"key": "k", "operator": "Exists"}), max_size=2),
        "affinity": st.sampled_from([{}, _AFFINITY]),
        "resources": st.fixed_dictionaries({}, optional={"limits": st.just({"memory": "8Gi"})}),
        "replicas": st.integers(0, 5),
        "restTimeoutSeconds": st.integers(1, 600),
        "batching": st.just({}),
        "server": st.fixed_dictionaries({}, optional={"gpuMemoryPercent": st.integers(1, 100)}),
        "overrides": _OVERRIDES | _OVERRIDES_WITH_VOLUMES,
    },
)
_SOURCE = st.sampled_from(
    [
        {"model": "gs://b/m"},
        {"model": "https://host/m/17"},
        {"model": "pvc://claim/m/17"},
        {"model": "file:///srv/models/m"},
        {"image": "registry/m:1"},
    ]
)
_SPEC = st.dictionaries(
    st.sampled_from([component.field for component in Component]),
    st.builds(lambda source, rest: {**source, **rest}, _SOURCE, _COMPONENT),
    min_size=1,
)


_CACHE = st.sampled_from([None, {"hostPath": "/var/cache/x"}, {"claimName": "cache"}])


@given(_SPEC, _CACHE)
def test_every_spec_makes_pods_that_hang_together(spec: KubeObject, cache: KubeObject | None) -> None:
    parent = pipeline({**spec, "cache": cache})
    for component, asked in parent.spec.components.items():
        source = declared_source(asked)
        assert source is not None
        made = deployment(parent, component, asked, Rollout("1", source, "Surge"), SETTINGS)
        template = made["spec"]["template"]
        _check_selectors(made, service(parent, component, asked.service), template)
        _check_volumes(template["spec"])
        _check_restricted(template["spec"])
        _check_gpus(spec[component.field], template["spec"])
        assert made["metadata"]["ownerReferences"][0]["uid"] == parent.uid


def _check_selectors(made: KubeObject, service_: KubeObject, template: KubeObject) -> None:
    labels = template["metadata"]["labels"].items()
    assert made["spec"]["selector"]["matchLabels"].items() <= labels
    assert service_["spec"]["selector"].items() <= labels
    ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service_["spec"]["ports"]} <= ports


def _check_volumes(pod: KubeObject) -> None:
    mounted = {mount["name"] for container in _containers(pod) for mount in container["volumeMounts"]}
    names = [volume["name"] for volume in pod["volumes"]]
    assert sorted(names) == sorted(mounted)


def _check_restricted(pod: KubeObject) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in _containers(pod):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


def _check_gpus(component: KubeObject, pod: KubeObject) -> None:
    limits = pod["containers"][0].get("resources", {}).get("limits", {})
    tolerated = [toleration["key"] for toleration in pod.get("tolerations", [])]
    assert limits.get("nvidia.com/gpu") == component.get("gpu", {}).get("count")
    assert ("nvidia.com/gpu" in tolerated) == ("gpu" in component)
    accelerator = pod.get("nodeSelector", {}).get("cloud.google.com/gke-accelerator")
    assert accelerator == component.get("gpu", {}).get("accelerator")


def _containers(pod: KubeObject) -> list[KubeObject]:
    return [*pod.get("initContainers", []), *pod["containers"]]
