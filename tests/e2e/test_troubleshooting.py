"""What a user sees of a pipeline that does not come up, as docs/troubleshooting.md shows it.

With UPDATE_DOCS=1 in the environment, the page is written anew.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from demo.models import folder
from tests.support.eventually import eventually
from tests.support.gpu_nodes import GpuNode, joined
from tests.support.nodes import GPU_TOLERATION, gpu_container
from tests.support.pipeline_client import EXAMPLE, PipelineClient
from tests.support.transcripts import Page, described, tabulated

from devcluster import Cluster, images
from devcluster.pytest_plugin import Namespace

_PAGE = Page(Path(__file__).parents[2] / "docs" / "troubleshooting.md")

_ACCELERATOR = "cloud.google.com/gke-accelerator"
_NODES = (
    GpuNode("gke-art-l4-0", {_ACCELERATOR: "nvidia-l4"}, gpus=None),
    GpuNode("gke-art-a100-0", {_ACCELERATOR: "nvidia-a100-80gb"}, gpus=1),
)

_UNET = f"{folder('base')}/diffusion-model"
_MISSING = f"{folder('stripped')}/diffusion-model"
_DECODER = f"{folder('base')}/decoder"
_EXPORT = {"stableDiffusion": {"version": "tiny"}, "export": {"to": folder("exported")}}
_SMALL = {"limits": {"memory": "48Mi"}}

_ANSWER_404 = """
import socketserver

class NotFound(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(65536)
        self.request.sendall(b"HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")

socketserver.ThreadingTCPServer(("127.0.0.1", 5000), NotFound).serve_forever()
"""

_EMPTY_REGISTRY = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "registry"},
    "spec": {
        "hostNetwork": True,
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "registry",
                "image": images.reference("puller"),
                "imagePullPolicy": "Never",
                "command": ["python3", "-c", _ANSWER_404],
            }
        ],
    },
}
"""What the node takes for a registry: it has no image."""

_HOLDER = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "training"},
    "spec": {
        "nodeSelector": {_ACCELERATOR: "nvidia-a100-80gb"},
        "tolerations": [GPU_TOLERATION],
        "containers": [{**gpu_container(1), "image": "trainer"}],
    },
}
"""Somebody else's pod, which takes the only GPU of its type."""


@dataclass(frozen=True)
class _Situation:
    """A pipeline that does not come up, and the reason that it comes to say."""

    reason: str
    spec: dict[str, Any]


_SITUATIONS: Mapping[str, _Situation] = {
    "no-driver": _Situation("DriverMissing", {"diffusionModel": {"model": _UNET, "gpu": {"accelerator": "nvidia-l4"}}}),
    "gpu-busy": _Situation(
        "GPUsBusy", {"diffusionModel": {"model": _UNET, "gpu": {"accelerator": "nvidia-a100-80gb"}}}
    ),
    "wrong-accelerator": _Situation(
        "AcceleratorMismatch", {"diffusionModel": {"model": _UNET, "gpu": {"accelerator": "nvidia-h100-80gb"}}}
    ),
    "no-node": _Situation(
        "NoMatchingNode",
        {"diffusionModel": {"model": _UNET, "gpu": {}, "nodeSelector": {"cloud.google.com/gke-nodepool": "large"}}},
    ),
    "no-model": _Situation("ModelNotFound", {**EXAMPLE["spec"], "diffusionModel": {"model": _MISSING}}),
    "out-of-memory": _Situation("OutOfMemory", {"decoder": {"model": _DECODER, "resources": _SMALL}}),
    "no-image": _Situation(
        "ImageUnavailable", {"decoder": {"model": _DECODER, "server": {"image": "localhost:5000/model-server:2.2O"}}}
    ),
    "wrong-weights": _Situation("ExportRefused", {**_EXPORT, "diffusionModel": {"weights": "stripped"}}),
    "export-out-of-memory": _Situation(
        "OutOfMemory",
        {
            **_EXPORT,
            "export": {**_EXPORT["export"], "retries": 1, "resources": _SMALL},
            "diffusionModel": {"weights": "striped"},
        },
    ),
}


@pytest.fixture(scope="module")
def art(demo_cluster: Cluster, with_exporter: Cluster) -> Iterator[Namespace]:
    """A namespace with every situation in it, and somebody else's pod that holds the only GPU of its type."""
    mine, theirs = Namespace(demo_cluster, "art"), Namespace(demo_cluster, "research")
    try:
        with joined(demo_cluster, _NODES):
            for namespace in (mine, theirs):
                demo_cluster.kubectl("create", "namespace", namespace.name)
                eventually(partial(_takes_pods, namespace), "the namespace takes pods")
            for pod in (_HOLDER, _EMPTY_REGISTRY):
                theirs.kubectl("create", "--filename=-", stdin=json.dumps(pod))
            theirs.kubectl("wait", "--for=condition=PodScheduled", "pod/training", "--timeout=60s")
            theirs.kubectl("wait", "--for=condition=Ready", "pod/registry", "--timeout=60s")
            for name, situation in _SITUATIONS.items():
                PipelineClient(mine).apply(_at_first(name, situation), name=name)
            yield mine
            theirs.kubectl("delete", "pod", "training", "--force", "--grace-period=0")
    finally:
        for namespace in (mine, theirs):
            demo_cluster.kubectl("delete", "namespace", namespace.name, "--wait=false")


@pytest.mark.parametrize("name", _SITUATIONS)
def test_a_pipeline_that_does_not_come_up_says_why_and_what_to_do(art: Namespace, name: str) -> None:
    _settle(art, name)
    table = tabulated(art.kubectl("get", "sdpipeline", name, "--output=wide"))
    description = described(art.kubectl("describe", "sdpipeline", name))
    _PAGE.holds(f"{name}, table", f"$ kubectl get sdpipeline {name} -o wide\n{table}")
    _PAGE.holds(f"{name}, description", f"$ kubectl describe sdpipeline {name}\n{description}")


@pytest.mark.parametrize(
    ("name", "ready", "stalled"),
    [
        ("no-driver", "False", "True"),
        ("gpu-busy", "False", "True"),
        ("wrong-accelerator", "False", "True"),
        ("no-node", "Unknown", "Unknown"),
    ],
)
def test_what_a_pod_waits_for_is_said_alike_by_all_conditions(
    art: Namespace, name: str, ready: str, stalled: str
) -> None:
    _settle(art, name)
    pipelines = PipelineClient(art)
    summary, gpus = pipelines.condition("Ready", name=name), pipelines.condition("GPUsReady", name=name)
    assert gpus["status"] == ready
    assert (gpus["reason"], gpus["message"]) == (summary["reason"], summary["message"])
    assert pipelines.condition("Stalled", name=name)["status"] == stalled


def test_the_table_tells_at_a_glance_which_pipelines_serve(art: Namespace) -> None:
    for name in _SITUATIONS:
        _settle(art, name)
    _PAGE.holds("table", f"$ kubectl get sdpipelines\n{tabulated(art.kubectl('get', 'sdpipelines'))}")


def _at_first(name: str, situation: _Situation) -> dict[str, Any]:
    """What is applied at first: the pipeline whose model is missing was well before."""
    return {**situation.spec, "diffusionModel": {"model": _UNET}} if name == "no-model" else situation.spec


def _settle(art: Namespace, name: str) -> None:
    """Wait until the pipeline says what is the matter with it."""
    pipelines, situation = PipelineClient(art), _SITUATIONS[name]
    if name == "no-model" and pipelines.get(name=name)["spec"]["diffusionModel"]["model"] == _UNET:
        pipelines.wait_for("Ready", reason="AllServing", name=name, seconds=120)
        pipelines.apply(situation.spec, name=name)
    pipelines.wait_for("Ready", reason=situation.reason, name=name, seconds=120)


def _takes_pods(namespace: Namespace) -> bool:
    return bool(json.loads(namespace.kubectl("get", "serviceaccounts", "--output=json"))["items"])
