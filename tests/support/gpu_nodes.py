"""Nodes with GPUs, or what looks like it, that no kubelet serves: Node objects beside the real node."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.nodes import GPU_TAINT

from devcluster import Cluster

_BEAT_SECONDS = 10.0
"""A node that is silent for longer than 40 seconds is taken for dead."""


@dataclass(frozen=True)
class GpuNode:
    """A node as its kubelet would announce it.

    Attributes:
        name: its name.
        labels: all of them.
        gpus: what its device plugin announces; None for a node without one, or without a driver.
    """

    name: str
    labels: Mapping[str, str]
    gpus: int | None


@contextmanager
def joined(cluster: Cluster, nodes: Sequence[GpuNode]) -> Iterator[None]:
    """Add the nodes to the cluster and keep them Ready. As on GKE, pods without a GPU are kept off them."""
    stop = threading.Event()
    heart = threading.Thread(target=_beat, args=(cluster, nodes, stop))
    try:
        for node in nodes:
            body: dict[str, Any] = {"apiVersion": "v1", "kind": "Node", "spec": {"taints": [GPU_TAINT]}}
            body["metadata"] = {"name": node.name, "labels": dict(node.labels)}
            cluster.kubectl("create", "--filename=-", stdin=json.dumps(body))
            _announce(cluster, node)
        heart.start()
        yield
    finally:
        stop.set()
        if heart.ident is not None:
            heart.join()
        cluster.kubectl("delete", "node", *(node.name for node in nodes), "--ignore-not-found")


def _announce(cluster: Cluster, node: GpuNode) -> None:
    amounts = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    if node.gpus is not None:
        amounts["nvidia.com/gpu"] = str(node.gpus)
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "as a test says"}
    status = {"capacity": amounts, "allocatable": amounts, "conditions": [ready]}
    _patch(cluster, "node", node.name, {"status": status}, "--subresource=status")


def _beat(cluster: Cluster, nodes: Sequence[GpuNode], stop: threading.Event) -> None:
    """Renew each node's Lease, by which a kubelet says that it lives."""
    for number in range(1_000):
        for node in nodes:
            lease = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": node.name, "namespace": "kube-node-lease"},
                "spec": {"holderIdentity": node.name, "renewTime": f"2026-01-01T00:00:00.{number:06}Z"},
            }
            cluster.kubectl("apply", "--filename=-", stdin=json.dumps(lease))
        if stop.wait(_BEAT_SECONDS):
            return


def _patch(cluster: Cluster, kind: str, name: str, body: object, *options: str) -> None:
    cluster.kubectl("patch", kind, name, f"--patch={json.dumps(body)}", *options)
