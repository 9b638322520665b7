"""The driver and GPU check, from Node objects as a cluster with GPUs has them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.nodes import GPU_TAINT, gpu_pod
from tests.support.operator_process import OperatorProcess
from tests.support.pipeline_client import PipelineClient

from devcluster.pytest_plugin import Namespace

LABEL = "cloud.google.com/gke-accelerator"
DRIVER = "cloud.google.com/gke-gpu-driver-version"
_BASE = {"cpu": "8", "memory": "32Gi", "pods": "110"}


class Node:
    """A node whose type of GPU no other has."""

    def __init__(self, namespace: Namespace) -> None:
        self._cluster = namespace.cluster
        self.name = f"gpu-node-of-{namespace.name}"
        self.accelerator = f"gpu-of-{namespace.name}"

    def join(self, labels: Mapping[str, str], *, gpus: int | None = None) -> None:
        meta = {"name": self.name, "labels": {LABEL: self.accelerator, **labels}}
        body = {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": {"taints": [GPU_TAINT]}}
        self._cluster.kubectl("create", "--filename=-", stdin=json.dumps(body))
        self.announce(gpus)

    def announce(self, gpus: int | None) -> None:
        amounts = _BASE if gpus is None else {**_BASE, "nvidia.com/gpu": str(gpus)}
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "as a test says"}
        status = {"status": {"capacity": amounts, "allocatable": amounts, "conditions": [ready]}}
        self._cluster.kubectl(
            "patch", "node", self.name, "--subresource=status", "--type=merge", f"--patch={json.dumps(status)}"
        )

    def label(self, *labels: str) -> None:
        self._cluster.kubectl("label", "node", self.name, *labels)

    def leave(self) -> None:
        self._cluster.kubectl("delete", "node", self.name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def node(namespace: Namespace) -> Iterator[Node]:
    node = Node(namespace)
    yield node
    node.leave()


def test_a_driver_that_is_missing_is_told_with_its_command_and_its_coming_is_followed_without_a_read(
    pipelines: PipelineClient, node: Node, operator: OperatorProcess
) -> None:
    pipelines.apply(_spec(node))
    assert pipelines.wait_for("GPUsReady", reason="NoMatchingNode")["status"] == "Unknown"
    reads = _reads(operator)

    node.join({})
    missing = pipelines.wait_for("GPUsReady", reason="DriverMissing", seconds=10)
    assert node.name in missing["message"]
    assert "kubectl apply -f https://" in missing["message"]
    assert "daemonset-preloaded.yaml" in missing["message"]
    assert pipelines.wait_for("Ready", reason="DriverMissing")["message"].endswith(missing["message"])

    node.label(f"{DRIVER}=default")
    assert "wait a few minutes" in pipelines.wait_for("GPUsReady", reason="DriverInstalling", seconds=10)["message"]
    assert pipelines.condition("Stalled")["status"] == "False"
    node.announce(1)
    assert pipelines.wait_for("GPUsReady", reason="GPUsAvailable", seconds=10)["status"] == "True"
    eventually(lambda: pipelines.get()["status"]["decoder"].get("nodes") == [node.name], "the pod has its place")
    assert pipelines.get()["status"]["decoder"]["accelerators"] == [node.accelerator]
    assert _reads(operator) == reads


def test_busy_gpus_are_told_with_their_holders_until_one_ends(
    pipelines: PipelineClient, node: Node, namespace: Namespace, operator: OperatorProcess
) -> None:
    node.join({DRIVER: "default"}, gpus=1)
    holder = gpu_pod("training", node.name, namespace=namespace.name)
    holder["spec"]["containers"][0]["image"] = "training"
    namespace.kubectl("create", "--filename=-", stdin=json.dumps(holder))
    pipelines.apply(_spec(node))
    busy = pipelines.wait_for("GPUsReady", reason="GPUsBusy")
    assert f"held by {namespace.name}/training (1 on {node.name})" in busy["message"]
    pipelines.wait_for("Ready", reason="GPUsBusy")
    patch = json.dumps({"status": {"phase": "Succeeded"}})
    namespace.kubectl("patch", "pod", "training", "--subresource=status", f"--patch={patch}")
    pipelines.wait_for("GPUsReady", reason="GPUsAvailable", seconds=10)


def test_enforce_makes_no_pod_until_the_check_passes_and_off_does_not_look(
    pipelines: PipelineClient, node: Node, operator: OperatorProcess
) -> None:
    node.join({})
    enforced = _spec(node)["decoder"]
    warned = {**enforced, "gpu": {**enforced["gpu"], "driverCheck": "Warn"}}
    pipelines.apply({"driverCheck": "Enforce", "decoder": enforced, "textEncoder": warned})
    pipelines.apply({**_spec(node), "driverCheck": "Off"}, name="blind")
    said = pipelines.wait_for("DecoderReady", reason="DriverMissing")
    assert said["message"].endswith("driverCheck, which is Enforce, lets no replica be made")
    eventually(lambda: pipelines.names("deployments") == ["blind-decoder", "sd-text-encoder"], "the others are made")
    assert pipelines.names("services") == ["blind-decoder", "sd-decoder", "sd-text-encoder"]
    pipelines.wait_for("Ready", reason="Unschedulable", name="blind")
    assert pipelines.condition("GPUsReady", name="blind") == {}

    node.announce(4)
    eventually(lambda: "sd-decoder" in pipelines.names("deployments"), "the Deployment is made", seconds=10)
    pipelines.wait_for("GPUsReady", reason="GPUsAvailable")


def _spec(node: Node) -> dict[str, Any]:
    return {"decoder": {"model": "gs://b/d", "gpu": {"accelerator": node.accelerator}}}


def _reads(operator: OperatorProcess) -> float:
    """How often the operator has asked for what its watches tell."""
    reads = sum(
        operator.metric("sdpipeline_operator_api_requests_total", verb=verb, kind=kind, code="200")
        for verb in ("get", "list")
        # No pipelines: those of other tests are looked at while their namespaces go.
        for kind in ("nodes", "pods", "deployments")
    )
    assert reads, "it has read them all at its start"
    return reads
