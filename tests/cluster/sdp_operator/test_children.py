"""From a custom resource to its children, on a real API server."""

import json
from functools import partial
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.kubelet import Kubelet
from tests.support.operator_process import OperatorProcess
from tests.support.pipeline_client import EXAMPLE, PipelineClient

from devcluster.pytest_plugin import Namespace
from sdp_operator.conditions import component_condition
from sdp_operator.swap.state import read_state
from sdp_serving.contract.components import DRAWING, Component

pytestmark = pytest.mark.usefixtures("operator")

SPEC: dict[str, Any] = EXAMPLE["spec"]
CHILDREN = [f"sd-{component}" for component in sorted(DRAWING)]
DECODER = {"model": "gs://b/d"}
TEXT_ENCODER = {"model": "gs://b/t"}
SCALED = {"minReplicas": 1, "maxReplicas": 9, "metric": {"name": "requests", "averageValue": 5}}
ALL: dict[str, Any] = {
    "decoder": DECODER,
    "textEncoder": {**TEXT_ENCODER, "autoscaling": SCALED},
    "networkPolicy": {"peers": [{"podSelector": {"matchLabels": {"team": "art"}}}]},
    "gateway": {"replicas": 2, "ingress": {"host": "art.example.com"}},
}
"""A pipeline with a child of each kind that every cluster knows."""

DRIFT: list[tuple[tuple[str, str], list[dict[str, Any]]]] = [
    (
        ("deployments", "sd-decoder"),
        [
            {"op": "add", "path": "/spec/template/spec/containers/0/env", "value": [{"name": "BY_HAND", "value": "1"}]},
            {"op": "replace", "path": "/spec/replicas", "value": 5},
            {"op": "add", "path": "/spec/template/spec/volumes/-", "value": {"name": "theirs", "emptyDir": {}}},
            {"op": "replace", "path": "/spec/template/spec/automountServiceAccountToken", "value": True},
        ],
    ),
    (
        ("deployments", "sd-gateway"),
        [{"op": "replace", "path": "/spec/template/spec/containers/0/args", "value": ["--address=127.0.0.1:1"]}],
    ),
    (
        ("services", "sd-decoder"),
        [
            {"op": "replace", "path": "/spec/ports/1/targetPort", "value": 1},
            {"op": "add", "path": "/spec/ports/-", "value": {"name": "theirs", "port": 99}},
            {"op": "remove", "path": "/metadata/annotations/sdpipeline.dev~1applied"},
        ],
    ),
    (
        ("configmaps", "sd-decoder"),
        [
            {"op": "replace", "path": "/data/models.config", "value": "nonsense"},
            {"op": "remove", "path": "/metadata/ownerReferences"},
        ],
    ),
    (
        ("poddisruptionbudgets", "sd-decoder"),
        [{"op": "remove", "path": "/metadata/labels/app.kubernetes.io~1managed-by"}],
    ),
    (("poddisruptionbudgets", "sd-gateway"), [{"op": "replace", "path": "/spec/maxUnavailable", "value": "100%"}]),
    (("horizontalpodautoscalers", "sd-text-encoder"), [{"op": "replace", "path": "/spec/maxReplicas", "value": 99}]),
    (("networkpolicies", "sd-decoder"), [{"op": "replace", "path": "/spec/ingress", "value": [{}]}]),
    (("ingresses", "sd-gateway"), [{"op": "replace", "path": "/spec/rules/0/host", "value": "theirs.example.com"}]),
]
"""A change by hand of each of them."""

EVERYTHING = [child for child, _ in DRIFT]
STRIPED = "gs://sdpipeline-demo/sd-tiny-striped/diffusion-model"


def test_each_component_gets_a_deployment_and_a_service(pipelines: PipelineClient) -> None:
    _apply_and_wait(pipelines)
    deployment = pipelines.get("deployments", "sd-diffusion-model")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert pod["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-tesla-t4"}
    ports = pipelines.get("services", "sd-diffusion-model")["spec"]["ports"]
    assert {port["name"]: port["port"] for port in ports} == {"grpc": 8500, "rest": 8501}


def test_changing_one_field_swaps_one_model(pipelines: PipelineClient) -> None:
    _apply_and_wait(pipelines)
    pipelines.apply({**SPEC, "diffusionModel": {**SPEC["diffusionModel"], "model": STRIPED}})
    eventually(lambda: _served(pipelines) == STRIPED, "the new pods are to serve the other model")
    eventually(lambda: _generations(pipelines)["sd-diffusion-model"] == 2, "the Deployment makes them")
    assert _generations(pipelines) == {"sd-decoder": 1, "sd-diffusion-model": 2, "sd-text-encoder": 1}


def test_kubectl_edit_swaps_a_model(
    pipelines: PipelineClient, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    _apply_and_wait(pipelines)
    monkeypatch.setenv("KUBE_EDITOR", f"sed -i s#model:.*/diffusion-model#model:\\ {STRIPED}#")
    namespace.kubectl("edit", "sdpipeline", "sd")
    eventually(lambda: _served(pipelines) == STRIPED, "the new pods are to serve the other model")
    eventually(lambda: _generations(pipelines)["sd-diffusion-model"] == 2, "the Deployment makes them")
    assert _generations(pipelines) == {"sd-decoder": 1, "sd-diffusion-model": 2, "sd-text-encoder": 1}


def test_a_component_that_is_left_out_loses_its_children(pipelines: PipelineClient) -> None:
    _apply_and_wait(pipelines)
    pipelines.apply({"textEncoder": SPEC["textEncoder"], "diffusionModel": SPEC["diffusionModel"]})
    remaining = ["sd-diffusion-model", "sd-text-encoder"]
    eventually(lambda: pipelines.names("deployments") == remaining, "the Deployment is gone")
    eventually(lambda: pipelines.names("services") == remaining, "the Service is gone")
    eventually(lambda: not pipelines.condition("DecoderReady"), "its condition is gone")
    assert "decoder" not in pipelines.get()["status"]


def test_a_deleted_pipeline_leaves_nothing(pipelines: PipelineClient, namespace: Namespace) -> None:
    _apply_and_wait(pipelines)
    assert "finalizers" not in pipelines.get()["metadata"]
    namespace.kubectl("delete", "sdpipeline", "sd", "--timeout=10s")
    # Garbage collection learns of a new kind only at its next resync, 30 s later.
    for kind in ("deployments", "services", "pods"):
        eventually(partial(_is_none_left, pipelines, kind), f"no {kind} are left", seconds=60)


def test_each_kind_of_child_is_made_and_belongs_to_its_pipeline(pipelines: PipelineClient) -> None:
    _apply_all(pipelines)
    uid = pipelines.get()["metadata"]["uid"]
    for plural, name in EVERYTHING:
        meta = pipelines.get(plural, name)["metadata"]
        [owner] = meta["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("StableDiffusionPipeline", "sd", uid)
        assert (owner["controller"], owner["blockOwnerDeletion"]) == (True, False)
        assert meta["labels"].items() >= {
            "app.kubernetes.io/managed-by": "sdpipeline-operator",
            "app.kubernetes.io/instance": "sd",
            "app.kubernetes.io/component": name.removeprefix("sd-"),
        }.items()  # fmt: skip


def test_drift_of_any_kind_is_put_right(pipelines: PipelineClient, namespace: Namespace) -> None:
    _apply_all(pipelines)
    eventually(lambda: pipelines.get()["status"]["observedGeneration"] == 1, "the status is there")
    before = [_essence(pipelines.get(plural, name)) for plural, name in EVERYTHING]
    for (plural, name), patch in DRIFT:
        namespace.kubectl("patch", plural, name, "--type=json", f"--patch={json.dumps(patch)}")
    for (plural, name), essence in zip(EVERYTHING, before, strict=True):
        eventually(
            partial(_is, pipelines, plural, name, essence), f"the changes to {plural} {name} are undone", seconds=10
        )


def test_what_a_hand_gives_to_pods_goes_and_a_restart_stays(pipelines: PipelineClient, namespace: Namespace) -> None:
    pipelines.apply({"decoder": DECODER})
    eventually(lambda: "sd-decoder" in pipelines.names("deployments"), "its Deployment is there")
    before = pipelines.get("deployments", "sd-decoder")["spec"]["template"]["spec"]
    namespace.kubectl("create", "serviceaccount", "theirs")
    namespace.kubectl("set", "serviceaccount", "deployment", "sd-decoder", "theirs")
    eventually(lambda: pipelines.get("deployments", "sd-decoder")["spec"]["template"]["spec"] == before, "it is gone")
    by_hand = {
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        "tolerations": [{"operator": "Exists"}],
        "imagePullSecrets": [{"name": "theirs"}],
        "containers": [{"name": "sidecar", "image": "theirs"}],
    }
    patch = json.dumps({"spec": {"template": {"spec": by_hand}}})
    namespace.kubectl("patch", "deployment", "sd-decoder", f"--patch={patch}")
    eventually(
        lambda: pipelines.get("deployments", "sd-decoder")["spec"]["template"]["spec"] == before, "all of it is gone"
    )
    namespace.kubectl("rollout", "restart", "deployment/sd-decoder")
    pipelines.apply({"decoder": {**DECODER, "replicas": 2}})
    eventually(lambda: pipelines.get("deployments", "sd-decoder")["spec"]["replicas"] == 2, "the edit is made")
    template = pipelines.get("deployments", "sd-decoder")["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]
    assert template["spec"] == before


def test_children_of_any_kind_that_are_deleted_by_hand_come_back(
    pipelines: PipelineClient, namespace: Namespace
) -> None:
    _apply_all(pipelines)
    gone = {pipelines.get(plural, name)["metadata"]["uid"] for plural, name in EVERYTHING}
    namespace.kubectl("delete", "--wait=false", *(f"{plural}/{name}" for plural, name in EVERYTHING))
    for plural, name in EVERYTHING:
        eventually(partial(_is_new, pipelines, plural, name, gone), f"{plural} {name} is back", seconds=10)


def test_children_whose_pipeline_is_deleted_without_them_are_taken_back_by_the_next_of_its_name(
    pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    pipelines.apply({"decoder": DECODER})
    running = kubelet.serve(Component.DECODER, DECODER["model"])
    pipelines.wait_for("Ready", reason="AllServing")
    namespace.kubectl("delete", "sdpipeline", "sd", "--cascade=orphan")
    pipelines.apply({"decoder": DECODER})
    pipelines.wait_for("Ready", reason="AllServing")
    uid = pipelines.get()["metadata"]["uid"]
    for plural in ("deployments", "services", "configmaps", "poddisruptionbudgets"):
        assert pipelines.get(plural, "sd-decoder")["metadata"]["ownerReferences"][0]["uid"] == uid
    assert [pod["metadata"]["name"] for pod in kubelet.pods(Component.DECODER)] == [running]


def test_children_that_are_no_longer_wanted_go(pipelines: PipelineClient) -> None:
    _apply_all(pipelines)
    pipelines.apply({**ALL, "gateway": {"enabled": False}, "networkPolicy": None, "textEncoder": TEXT_ENCODER})
    for plural in ("ingresses", "networkpolicies", "horizontalpodautoscalers"):
        eventually(partial(_is_none_left, pipelines, plural), f"no {plural} are left")
    for plural in ("deployments", "services"):
        eventually(partial(_has_names, pipelines, plural, ["sd-decoder", "sd-text-encoder"]), f"no gateway's {plural}")
    assert "url" not in pipelines.get()["status"]


def test_replicas_under_an_autoscaler_are_left_alone(pipelines: PipelineClient, namespace: Namespace) -> None:
    pipelines.apply({"decoder": {**DECODER, "replicas": 2}})
    eventually(lambda: pipelines.names("deployments"), "the Deployment is there")
    pipelines.apply({"decoder": {**DECODER, "autoscaling": SCALED}})
    eventually(lambda: pipelines.names("horizontalpodautoscalers"), "the autoscaler is there")
    assert pipelines.get("deployments", "sd-decoder")["spec"]["replicas"] == 2, "it starts from what is there"
    namespace.kubectl("scale", "deployment/sd-decoder", "--replicas=4")
    eventually(lambda: pipelines.get()["status"]["decoder"]["replicas"] == 4, "the status has followed")
    pipelines.apply({"decoder": {**DECODER, "autoscaling": SCALED, "restTimeoutSeconds": 77}})
    eventually(lambda: pipelines.get("deployments", "sd-decoder")["metadata"]["generation"] >= 4, "it is rolled")
    assert pipelines.get("deployments", "sd-decoder")["spec"]["replicas"] == 4
    pipelines.apply({"decoder": {**DECODER, "replicas": 3}})
    eventually(lambda: pipelines.get("deployments", "sd-decoder")["spec"]["replicas"] == 3, "they are ours again")


def test_objects_of_others_are_never_taken_over_and_their_names_are_taken_once_they_are_free(
    pipelines: PipelineClient, namespace: Namespace
) -> None:
    namespace.kubectl("create", "deployment", "sd-decoder", "--image=theirs", "--replicas=0")
    namespace.kubectl("create", "service", "clusterip", "sd-text-encoder", "--tcp=80")
    namespace.kubectl("create", "configmap", "sd-diffusion-model", "--from-literal=theirs=yes")
    namespace.kubectl("create", "poddisruptionbudget", "sd-image-encoder", "--selector=a=b", "--min-available=1")
    theirs = {"decoder": "deployments", "text-encoder": "services", "diffusion-model": "configmaps"}
    theirs["image-encoder"] = "poddisruptionbudgets"
    before = {name: pipelines.get(plural, f"sd-{name}") for name, plural in theirs.items()}
    pipelines.apply({Component(name).field: {"model": f"gs://b/{name}"} for name in theirs})
    for name in theirs:
        said = pipelines.wait_for(component_condition(Component(name)), reason="NameTaken")
        assert f"sd-{name} is there already and belongs to somebody else: delete it" in said["message"]
    assert pipelines.condition("Stalled")["status"] == "True"
    assert pipelines.names("pods") == []
    for name, plural in theirs.items():
        child = pipelines.get(plural, f"sd-{name}")
        assert child["metadata"]["uid"] == before[name]["metadata"]["uid"]
        assert _essence(child) == _essence(before[name])
    namespace.kubectl("delete", "--wait=false", *(f"{plural}/sd-{name}" for name, plural in theirs.items()))
    old = {child["metadata"]["uid"] for child in before.values()}
    for name, plural in theirs.items():
        eventually(partial(_is_new, pipelines, plural, f"sd-{name}", old), f"{plural} sd-{name} is ours", seconds=40)


def test_what_others_add_to_a_child_stays(pipelines: PipelineClient, namespace: Namespace) -> None:
    _apply_and_wait(pipelines)
    namespace.kubectl("annotate", "service/sd-decoder", "team=art")
    namespace.kubectl("label", "deployment/sd-decoder", "team=art")
    namespace.kubectl("patch", "deployment", "sd-decoder", "--type=merge", '--patch={"spec":{"replicas":5}}')
    eventually(lambda: pipelines.get("deployments", "sd-decoder")["spec"]["replicas"] == 1, "the change is undone")
    assert pipelines.get("services", "sd-decoder")["metadata"]["annotations"]["team"] == "art"
    assert pipelines.get("deployments", "sd-decoder")["metadata"]["labels"]["team"] == "art"


def test_where_nothing_changes_nothing_is_written(
    pipelines: PipelineClient, namespace: Namespace, operator: OperatorProcess
) -> None:
    spec = {**SPEC, "decoder": {**SPEC["decoder"], "resources": {"limits": {"memory": "1024Mi", "cpu": "0.5"}}}}
    _apply_and_wait(pipelines, spec)
    pipelines.wait_for("DecoderReady", reason="Unschedulable")
    # Kubernetes' own controller writes a Deployment's status until it has told of the pods.
    eventually(lambda: all(_has_told_of_its_pod(pipelines, name) for name in CHILDREN), "the Deployments are at rest")
    namespace.kubectl("annotate", "sdpipeline/sd", "touched=yes")
    before = _versions(namespace), _said_of(operator, namespace, "sd")
    operator.kill()
    operator.start()
    # By the time that pipelines made later are done, the one that was there has had its turn too.
    for name in ("later", "last"):
        pipelines.apply({"textEncoder": SPEC["textEncoder"]}, name=name)
        pipelines.wait_for("Ready", reason="Unschedulable", name=name)
    assert (_versions(namespace), _said_of(operator, namespace, "sd")) == before


def _apply_and_wait(pipelines: PipelineClient, spec: dict[str, Any] = SPEC) -> None:
    pipelines.apply(spec)
    eventually(lambda: pipelines.names("deployments") == CHILDREN, "three Deployments are there")
    eventually(lambda: pipelines.names("services") == CHILDREN, "three Services are there")
    eventually(lambda: pipelines.condition("Ready"), "the status is there")


def _apply_all(pipelines: PipelineClient) -> None:
    pipelines.apply(ALL)
    for plural, name in EVERYTHING:
        eventually(partial(_is_there, pipelines, plural, name), f"{plural} {name} is there")
    eventually(lambda: pipelines.condition("Ready"), "the status is there")


def _is_there(pipelines: PipelineClient, plural: str, name: str) -> bool:
    return name in pipelines.names(plural)


def _is_new(pipelines: PipelineClient, plural: str, name: str, old: set[str]) -> bool:
    return _is_there(pipelines, plural, name) and pipelines.get(plural, name)["metadata"]["uid"] not in old


def _has_names(pipelines: PipelineClient, plural: str, names: list[str]) -> bool:
    return pipelines.names(plural) == names


def _is(pipelines: PipelineClient, plural: str, name: str, essence: tuple[Any, ...]) -> bool:
    return _essence(pipelines.get(plural, name)) == essence


def _has_told_of_its_pod(pipelines: PipelineClient, name: str) -> bool:
    status = pipelines.get("deployments", name).get("status", {})
    return bool(status.get("updatedReplicas") == status.get("unavailableReplicas") == 1)


def _is_none_left(pipelines: PipelineClient, plural: str) -> bool:
    return not pipelines.names(plural)


def _served(pipelines: PipelineClient) -> str | None:
    """The model of the pods that are wanted."""
    state = read_state(pipelines.get("configmaps", "sd-diffusion-model-models")["data"])
    return None if state is None else state.serving.source


def _generations(pipelines: PipelineClient) -> dict[str, int]:
    return {name: pipelines.get("deployments", name)["metadata"]["generation"] for name in CHILDREN}


def _essence(child: dict[str, Any]) -> tuple[Any, ...]:
    annotations = child["metadata"].get("annotations", {})
    meta = child["metadata"]
    return (
        child.get("spec", child.get("data")),
        meta.get("labels"),
        meta.get("ownerReferences"),
        annotations.get("sdpipeline.dev/applied"),
    )


def _versions(namespace: Namespace) -> dict[str, str]:
    found = json.loads(namespace.kubectl("get", "sdpipelines,deployments,services", "--output=json"))["items"]
    return {
        f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
        for item in found
        if item["metadata"]["name"].startswith("sd")
    }


def _said_of(operator: OperatorProcess, namespace: Namespace, name: str) -> list[str]:
    lines = [json.loads(line) for line in operator.log().splitlines()]
    return [line["message"] for line in lines if line.get("pipeline") == f"{namespace.name}/{name}"]
