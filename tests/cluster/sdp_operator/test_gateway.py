"""The gateway's children, and kinds that a cluster may lack, may get later and may lose again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.kubelet import Kubelet
from tests.support.pipeline_client import PipelineClient

from devcluster.cluster import Cluster
from devcluster.pytest_plugin import Namespace

pytestmark = pytest.mark.usefixtures("operator")

DECODER = {"model": "gs://b/d"}
ROUTE = {"parentRefs": [{"name": "front"}], "hostnames": ["art.example.com"]}
_EXTENSIONS = {"podmonitors": "monitoring.coreos.com", "httproutes": "gateway.networking.k8s.io"}


@pytest.fixture
def extensions(installed: Cluster) -> Iterator["Extensions"]:
    """The kinds that others bring."""
    extensions = Extensions(installed)
    yield extensions
    extensions.remove()


class Extensions:
    """PodMonitor and HTTPRoute."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._names = [f"{plural}.{group}" for plural, group in _EXTENSIONS.items()]

    def install(self) -> None:
        """Let the cluster know them."""
        definitions = [
            _definition("PodMonitor", "podmonitors", _EXTENSIONS["podmonitors"]),
            _definition("HTTPRoute", "httproutes", _EXTENSIONS["httproutes"]),
        ]
        self._cluster.kubectl(
            "apply", "--filename=-", stdin=json.dumps({"kind": "List", "apiVersion": "v1", "items": definitions})
        )
        names = [f"crd/{name}" for name in self._names]
        self._cluster.kubectl("wait", "--for=condition=Established", *names, "--timeout=30s")

    def remove(self) -> None:
        """Let the cluster forget them."""
        self._cluster.kubectl("delete", "crd", *self._names, "--ignore-not-found")


def test_kinds_that_the_cluster_lacks_are_told_and_used_from_when_it_has_them(
    pipelines: PipelineClient, extensions: Extensions, namespace: Namespace
) -> None:
    monitoring = {"podMonitor": {"interval": "15s", "labels": {"release": "prometheus"}}}
    pipelines.apply({"decoder": DECODER, "gateway": {"route": ROUTE}, "monitoring": monitoring})
    said = pipelines.wait_for("GatewayReady", reason="KindUnknown")
    assert said["message"].endswith("install it, or use gateway.ingress")
    assert "url" not in pipelines.get()["status"], "nothing leads there"
    pipelines.wait_for("MonitoringReady", reason="KindUnknown")
    assert pipelines.names("deployments") == ["sd-decoder", "sd-gateway"], "the rest is made all the same"

    extensions.install()
    eventually(lambda: _has(pipelines, "httproutes", "sd-gateway"), "the HTTPRoute is there", seconds=60)
    eventually(lambda: _has(pipelines, "podmonitors", "sd-decoder"), "the PodMonitor is there", seconds=60)
    eventually(lambda: _has(pipelines, "podmonitors", "sd-gateway"), "so is the gateway's", seconds=60)
    monitor = pipelines.get("podmonitors", "sd-decoder")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    pipelines.wait_for("MonitoringReady", reason="Monitored")
    assert pipelines.get("httproutes", "sd-gateway")["spec"]["hostnames"] == ["art.example.com"]
    pipelines.wait_for("GatewayReady", reason="Unschedulable")
    assert pipelines.get()["status"]["url"] == "http://art.example.com"

    patch = json.dumps({"spec": {"hostnames": ["theirs.example.com"]}})
    namespace.kubectl("patch", "httproute", "sd-gateway", "--type=merge", f"--patch={patch}")
    eventually(lambda: _hosts(pipelines) == ["art.example.com"], "the change is undone")

    extensions.remove()
    pipelines.wait_for("GatewayReady", reason="KindUnknown", seconds=60)
    extensions.install()
    eventually(lambda: _has(pipelines, "httproutes", "sd-gateway"), "the HTTPRoute is back", seconds=60)
    pipelines.wait_for("GatewayReady", reason="Unschedulable")
    pipelines.apply({"decoder": DECODER, "gateway": {"enabled": False, "route": ROUTE}})
    for plural in ("httproutes", "podmonitors"):
        eventually(lambda plural=plural: not pipelines.names(plural), f"no {plural} are left")  # type: ignore[misc]


def test_a_gateway_is_ready_once_its_pods_are(
    pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    pipelines.apply({"decoder": DECODER, "gateway": {"ingress": {"host": "art.example.com"}}})
    pipelines.wait_for("GatewayReady", reason="Starting")
    kubelet.run("gateway")
    said = pipelines.wait_for("GatewayReady", reason="GatewayServing")
    assert said["message"] == "the gateways answer; the Ingress leads to them from http://art.example.com"
    assert pipelines.condition("Ready")["status"] == "False", "the decoder is not served yet"
    namespace.kubectl("create", "quota", "none", "--hard=pods=0")
    pipelines.apply({"decoder": DECODER, "gateway": {"replicas": 2, "ingress": {"host": "art.example.com"}}})
    assert "exceeded quota" in pipelines.wait_for("GatewayReady", reason="PodsRefused")["message"]


def _has(pipelines: PipelineClient, plural: str, name: str) -> bool:
    try:
        return name in pipelines.names(plural)
    except LookupError:
        return False  # The API server does not serve the kind yet.


def _hosts(pipelines: PipelineClient) -> list[str]:
    hosts: list[str] = pipelines.get("httproutes", "sd-gateway")["spec"]["hostnames"]
    return hosts


def _definition(kind: str, plural: str, group: str) -> dict[str, Any]:
    """A definition as those who bring the kind make it, but for its schema."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    approved = {"api-approved.kubernetes.io": "unapproved, for a test"} if group.endswith("k8s.io") else {}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": approved},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [version],
        },
    }
