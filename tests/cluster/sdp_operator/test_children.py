"""From a custom resource to its children, on a real API server."""

import json
from functools import partial
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.operator_process import OperatorProcess
from tests.support.pipeline_client import EXAMPLE, PipelineClient

from devcluster.pytest_plugin import Namespace
from sdp_serving.contract.components import DRAWING

pytestmark = pytest.mark.usefixtures("operator")

SPEC: dict[str, Any] = EXAMPLE["spec"]
CHILDREN = [f"sd-{component}" for component in sorted(DRAWING)]
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
    eventually(lambda: STRIPED in _puller_arguments(pipelines), "the Deployment pulls the other model")
    assert _generations(pipelines) == {"sd-decoder": 1, "sd-diffusion-model": 2, "sd-text-encoder": 1}


def test_kubectl_edit_swaps_a_model(
    pipelines: PipelineClient, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    _apply_and_wait(pipelines)
    monkeypatch.setenv("KUBE_EDITOR", f"sed -i s#model:.*/diffusion-model#model:\\ {STRIPED}#")
    namespace.kubectl("edit", "sdpipeline", "sd")
    eventually(lambda: STRIPED in _puller_arguments(pipelines), "the Deployment pulls the other model")
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


@pytest.mark.parametrize(
    ("kind", "name", "patch"),
    [
        ("deployments", "sd-decoder", {"spec": {"replicas": 5}}),
        ("deployments", "sd-decoder", {"spec": {"template": {"spec": {"automountServiceAccountToken": True}}}}),
        ("deployments", "sd-decoder", {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}),
        ("services", "sd-decoder", {"spec": {"ports": [{"name": "rest", "port": 8501, "targetPort": 1}]}}),
        ("services", "sd-decoder", {"metadata": {"annotations": {"sdpipeline.dev/applied": None}}}),
    ],
)
def test_drift_is_put_right(
    pipelines: PipelineClient, namespace: Namespace, kind: str, name: str, patch: dict[str, Any]
) -> None:
    _apply_and_wait(pipelines)
    before = _essence(pipelines.get(kind, name))
    namespace.kubectl("patch", kind, name, "--type=merge", f"--patch={json.dumps(patch)}")
    eventually(lambda: _essence(pipelines.get(kind, name)) == before, "the change is undone")


def test_a_child_deleted_by_hand_comes_back(pipelines: PipelineClient, namespace: Namespace) -> None:
    _apply_and_wait(pipelines)
    namespace.kubectl("delete", "deployment/sd-decoder", "service/sd-decoder")
    eventually(lambda: pipelines.names("deployments") == CHILDREN, "the Deployment is back")
    eventually(lambda: pipelines.names("services") == CHILDREN, "the Service is back")


def test_what_others_add_to_a_child_stays(pipelines: PipelineClient, namespace: Namespace) -> None:
    _apply_and_wait(pipelines)
    namespace.kubectl("annotate", "service/sd-decoder", "team=art")
    namespace.kubectl("patch", "deployment", "sd-decoder", "--type=merge", '--patch={"spec":{"replicas":5}}')
    eventually(lambda: pipelines.get("deployments", "sd-decoder")["spec"]["replicas"] == 1, "the change is undone")
    assert pipelines.get("services", "sd-decoder")["metadata"]["annotations"]["team"] == "art"


def test_a_namesake_of_a_child_is_left_alone(pipelines: PipelineClient, namespace: Namespace) -> None:
    namespace.kubectl("create", "service", "clusterip", "sd-decoder", "--tcp=80")
    before = pipelines.get("services", "sd-decoder")
    pipelines.apply(SPEC)
    condition = pipelines.wait_for("DecoderReady", reason="NameTaken")
    assert "the Service sd-decoder is there already and belongs to somebody else: delete it" in condition["message"]
    assert pipelines.get("services", "sd-decoder") == before
    assert pipelines.names("deployments") == ["sd-diffusion-model", "sd-text-encoder"]


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


def _has_told_of_its_pod(pipelines: PipelineClient, name: str) -> bool:
    status = pipelines.get("deployments", name).get("status", {})
    return bool(status.get("updatedReplicas") == status.get("unavailableReplicas") == 1)


def _is_none_left(pipelines: PipelineClient, plural: str) -> bool:
    return not pipelines.names(plural)


def _puller_arguments(pipelines: PipelineClient) -> list[str]:
    template = pipelines.get("deployments", "sd-diffusion-model")["spec"]["template"]
    arguments: list[str] = template["spec"]["initContainers"][0]["args"]
    return arguments


def _generations(pipelines: PipelineClient) -> dict[str, int]:
    return {name: pipelines.get("deployments", name)["metadata"]["generation"] for name in CHILDREN}


def _essence(child: dict[str, Any]) -> tuple[Any, ...]:
    annotations = child["metadata"].get("annotations", {})
    return child["spec"], child["metadata"]["labels"], annotations.get("sdpipeline.dev/applied")


def _versions(namespace: Namespace) -> dict[str, str]:
    found = json.loads(namespace.kubectl("get", "sdpipelines,deployments,services", "--output=json"))["items"]
    return {
        f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
        for item in found
        if item["metadata"]["name"].startswith("sd")
    }


def _said_of(operator: OperatorProcess, namespace: Namespace, name: str) -> list[str]:
    return [line for line in operator.log().splitlines() if f" {namespace.name}/{name}: " in line]
