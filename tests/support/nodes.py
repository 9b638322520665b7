"""Nodes and pods with GPUs, as the API server gives them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sdp_operator.objects import KubeObject

NOW: Final = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)

L4: Final = {"cloud.google.com/gke-accelerator": "nvidia-l4"}
T4: Final = {"cloud.google.com/gke-accelerator": "nvidia-tesla-t4"}
GPU_TAINT: Final = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
GPU_TOLERATION: Final = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def node(
    name: str = "node-a",
    labels: Mapping[str, str] | None = None,
    *,
    capacity: int | None = None,
    allocatable: int | None = None,
    age: timedelta = timedelta(days=1),
    ready: bool = True,
    unschedulable: bool = False,
    taints: list[dict[str, str]] | None = None,
    conditions: list[dict[str, str]] | None = None,
    os_image: str = "Container-Optimized OS from Google",
) -> KubeObject:
    """A node; its GPUs are left out where None, as before a device plugin announced any."""

    def amounts(gpus: int | None) -> dict[str, str]:
        return {"cpu": "4", "memory": "16Gi"} | ({} if gpus is None else {"nvidia.com/gpu": str(gpus)})

    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": dict(labels or {}),
            "creationTimestamp": (NOW - age).strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        "spec": {
            **({"unschedulable": True} if unschedulable else {}),
            "taints": [GPU_TAINT, *(taints or [])],
        },
        "status": {
            "capacity": amounts(capacity),
            "allocatable": amounts(capacity if allocatable is None else allocatable),
            "conditions": [
                {"type": "MemoryPressure", "status": "False", "reason": "KubeletHasSufficientMemory"},
                *(conditions or []),
                {"type": "Ready", "status": "True", "reason": "KubeletReady"}
                if ready
                else {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "no network"},
            ],
            "nodeInfo": {"osImage": os_image},
        },
    }


def gpu_container(count: Any, **fields: Any) -> dict[str, Any]:
    """A container that asks for GPUs."""
    amounts = {"nvidia.com/gpu": str(count)}
    return {"name": "main", "resources": {"requests": amounts, "limits": amounts}, **fields}


def gpu_pod(
    name: str, node_name: str | None, count: int = 1, namespace: str = "art", phase: str = "Running"
) -> KubeObject:
    """A pod that asks for GPUs, on a node unless None."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [gpu_container(count)], **({"nodeName": node_name} if node_name else {})},
        "status": {"phase": phase},
    }
