"""A namespace whose ResourceQuota counts CPU and memory: Kubernetes takes no pod there that leaves any of it out."""

import json
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.pipeline_client import PipelineClient

from devcluster.pytest_plugin import Namespace

pytestmark = pytest.mark.usefixtures("operator")

RESOURCES: dict[str, Any] = {
    "requests": {"cpu": "100m", "memory": "1Gi"},
    "limits": {"cpu": "1", "memory": "1Gi"},
}
SPEC: dict[str, Any] = {
    "stableDiffusion": {"version": "tiny"},
    "decoder": {"model": "gs://b/d", "resources": RESOURCES},
    "diffusionModel": {"weights": "striped", "resources": RESOURCES},
    "export": {"to": "gs://b/exported"},
    "gateway": {"replicas": 1},
}


def test_a_pipeline_whose_servers_have_resources_gets_all_its_pods_under_a_quota(
    namespace: Namespace, pipelines: PipelineClient
) -> None:
    _limit(namespace, pipelines, cpu="64")
    pipelines.apply(SPEC)
    made = {("decoder", "Deployment"), ("gateway", "Deployment"), ("diffusion-model", "Job")}
    eventually(lambda: _made(pipelines) == made, "servers, gateway and exporter have pods", seconds=30)
    assert pipelines.condition("Ready")["reason"] != "PodsRefused"


def test_a_quota_that_is_used_up_is_named_with_what_to_do(namespace: Namespace, pipelines: PipelineClient) -> None:
    _limit(namespace, pipelines, cpu="1m")
    pipelines.apply({"decoder": SPEC["decoder"]})
    said = pipelines.wait_for("DecoderReady", reason="PodsRefused")["message"]
    assert "exceeded quota: cpu-and-memory" in said
    assert "ask for less" in said


def _limit(namespace: Namespace, pipelines: PipelineClient, *, cpu: str) -> None:
    hard = {"requests.cpu": cpu, "limits.cpu": cpu, "requests.memory": "64Gi", "limits.memory": "64Gi"}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "cpu-and-memory"},
        "spec": {"hard": hard},
    }
    namespace.kubectl("create", "--filename=-", stdin=json.dumps(quota))
    # Until it has counted, no pod is taken.
    eventually(
        lambda: pipelines.get("resourcequotas", "cpu-and-memory").get("status", {}).get("used"), "it has counted"
    )


def _made(pipelines: PipelineClient) -> set[tuple[str, str]]:
    kinds = {"ReplicaSet": "Deployment"}
    return {
        (pod["metadata"]["labels"]["app.kubernetes.io/component"], kinds.get(owner["kind"], owner["kind"]))
        for pod in pipelines.objects("pods")
        for owner in pod["metadata"]["ownerReferences"]
    }
