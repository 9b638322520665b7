"""The gateway's children, and kinds that a cluster may lack, may get later and may lose again."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.kubelet import Kubelet
from tests.support.pipeline_client import PipelineClient
from tests.support.pipelines import DIGEST

from devcluster.cluster import Cluster
from devcluster.pytest_plugin import Namespace
from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import ROUTES_FILE, RoutedModel, Routes

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


def test_a_gateway_whose_keys_are_missing_says_which_secret_to_create(
    pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    pipelines.apply({"decoder": DECODER, "gateway": {"auth": {"secretName": "sd-keys"}}})
    eventually(lambda: kubelet.pods("gateway"), "there is a gateway's pod")
    [pod] = kubelet.pods("gateway")
    message = 'MountVolume.SetUp failed for volume "api-keys" : secret "sd-keys" not found'
    namespace.kubectl("create", "--filename=-", stdin=json.dumps(_event(pod, "FailedMount", message)))

    said = pipelines.wait_for("GatewayReady", reason="VolumeUnavailable")
    assert said["message"].startswith(f"the Secret sd-keys of gateway.auth can't be mounted (FailedMount: {message})")

    kubelet.run("gateway")
    pipelines.wait_for("GatewayReady", reason="GatewayServing")


def test_a_client_keeps_to_one_of_several_gateways_and_the_service_forgets_that_for_one(
    pipelines: PipelineClient,
) -> None:
    pipelines.apply({"decoder": DECODER, "gateway": {"replicas": 2}})
    eventually(lambda: _affinity(pipelines) == ("ClientIP", 3600), "a client keeps to its gateway")
    pipelines.apply({"decoder": DECODER, "gateway": {"replicas": 1}})
    eventually(lambda: _affinity(pipelines) == ("None", None), "one gateway has all clients")


def test_the_gateways_are_told_of_the_models_and_at_rest_of_nothing_new(
    pipelines: PipelineClient, kubelet: Kubelet
) -> None:
    pipelines.apply({"decoder": DECODER, "gateway": {}})
    kubelet.run("gateway")
    kubelet.serve(Component.DECODER, "gs://b/d")
    pipelines.wait_for("Ready", reason="AllServing")
    eventually(lambda: _decoder(pipelines).digest is not None, "the model is known")
    told = _decoder(pipelines)
    assert (told.uri, told.digest) == ("gs://b/d", DIGEST)
    version = pipelines.get("configmaps", "sd-gateway")["metadata"]["resourceVersion"]

    pipelines.apply({"decoder": {**DECODER, "restTimeoutSeconds": 90}, "gateway": {"holdSeconds": 9}})

    eventually(lambda: "--hold-seconds=9" in _args(pipelines), "the change has come")
    assert pipelines.get("configmaps", "sd-gateway")["metadata"]["resourceVersion"] == version


def _decoder(pipelines: PipelineClient) -> RoutedModel:
    if "sd-gateway" not in pipelines.names("configmaps"):
        return RoutedModel(uri="")
    data = pipelines.get("configmaps", "sd-gateway")["data"]
    routes = Routes.model_validate_json(data[ROUTES_FILE])
    return routes.components[Component.DECODER].serving or RoutedModel(uri="")


def _args(pipelines: PipelineClient) -> list[str]:
    [container] = pipelines.get("deployments", "sd-gateway")["spec"]["template"]["spec"]["containers"]
    args: list[str] = container["args"]
    return args


def _affinity(pipelines: PipelineClient) -> tuple[str, int | None]:
    if "sd-gateway" not in pipelines.names("services"):
        return "", None
    spec = pipelines.get("services", "sd-gateway")["spec"]
    return spec["sessionAffinity"], spec.get("sessionAffinityConfig", {}).get("clientIP", {}).get("timeoutSeconds")


def _event(pod: dict[str, Any], reason: str, message: str) -> dict[str, Any]:
    """An Event as a kubelet records it."""
    meta = pod["metadata"]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.1", "namespace": meta["namespace"]},
        "involvedObject": {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": now,
    }


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
