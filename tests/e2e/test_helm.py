"""The chart on a real node: two operators run, one works, and the other takes over when it dies."""

import json
from collections.abc import Iterator, Mapping

import pytest
from tests.support.chart import CHART, OPERATOR
from tests.support.eventually import eventually

from devcluster import images
from devcluster.cluster import Cluster
from devcluster.helm import helm
from devcluster.pytest_plugin import Namespace
from sdp_serving.contract.components import Component

DEMO = "sdpipeline-system"
RELEASE = "team"
OURS = f"{RELEASE}-sdpipeline-operator"
"""The name of the release's Deployment and of its Lease."""
EMULATOR = "http://storage-emulator.sdpipeline-system.svc:4443"
SPEC = {"decoder": {"model": "gs://sdpipeline-demo/sd-tiny/decoder"}}


@pytest.fixture
def installed(demo_cluster: Cluster, node_namespace: Namespace) -> Iterator[Namespace]:
    """A namespace that only the chart's operator serves: the demo's rests meanwhile."""
    _scale(demo_cluster, 0)
    values = {
        "namespaces": [node_namespace.name],
        "crd.create": False,
        "aggregateRoles.create": False,
        "storageEmulatorHost": EMULATOR,
        "images.operator.pullPolicy": "Never",
        **{
            f"images.{value}.{part}": text
            for value, image in (("operator", "operator"), ("puller", "puller"), ("server", "standin"))
            for part, text in zip(("repository", "tag"), images.reference(image).rsplit(":", 1), strict=True)
        },
    }
    options = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
    within = f"--namespace={node_namespace.name}"
    try:
        helm("install", RELEASE, str(CHART), within, *options, "--wait", "--timeout=120s", cluster=demo_cluster)
        yield node_namespace
    finally:
        helm("uninstall", RELEASE, within, "--ignore-not-found", cluster=demo_cluster)
        _scale(demo_cluster, 1)


def test_the_chart_brings_two_operators_of_which_one_works_and_the_other_takes_over(
    installed: Namespace,
) -> None:
    installed.kubectl("rollout", "status", f"deployment/{OURS}", "--timeout=60s")
    assert json.loads(installed.kubectl("get", f"deployment/{OURS}", "--output=json"))["status"]["readyReplicas"] == 2
    _apply(installed, SPEC)
    installed.kubectl("wait", "--for=condition=Ready", "sdpipeline/sd", "--timeout=90s")

    working = _holder(installed)
    installed.kubectl("delete", "pod", working, "--force", "--grace-period=0")
    _apply(installed, {"decoder": {**SPEC["decoder"], "replicas": 2}})
    eventually(lambda: _replicas(installed) == 2, "the other operator has taken over", seconds=30)
    assert _holder(installed) != working


def _apply(namespace: Namespace, spec: Mapping[str, object]) -> None:
    body = {
        "apiVersion": "sdpipeline.dev/v1alpha1",
        "kind": "StableDiffusionPipeline",
        "metadata": {"name": "sd"},
        "spec": spec,
    }
    namespace.kubectl("apply", "--filename=-", stdin=json.dumps(body))


def _holder(namespace: Namespace) -> str:
    """The pod that holds the Lease; the holder is the pod's name and a few characters of its process."""
    lease = json.loads(namespace.kubectl("get", "lease", OURS, "--output=json"))
    holder: str = lease["spec"]["holderIdentity"]
    return holder.rpartition("_")[0]


def _replicas(namespace: Namespace) -> int:
    name = f"deployment/sd-{Component.DECODER}"
    replicas: int = json.loads(namespace.kubectl("get", name, "--output=json"))["spec"]["replicas"]
    return replicas


def _scale(cluster: Cluster, replicas: int) -> None:
    cluster.kubectl("scale", f"deployment/{OPERATOR}", f"--namespace={DEMO}", f"--replicas={replicas}")
    cluster.kubectl("rollout", "status", f"deployment/{OPERATOR}", f"--namespace={DEMO}", "--timeout=60s")
