"""Which pods hold GPUs, and how many each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sdp_operator.gpus.quantities import gpus_in
from sdp_operator.objects import KubeObject


@dataclass(frozen=True, slots=True, order=True)
class GpuHolder:
    """A pod that holds GPUs of a node."""

    namespace: str
    pod: str
    node: str
    count: int


def gpu_holder(pod: KubeObject) -> GpuHolder | None:
    """Read a Pod; None if it asks for no GPU, is on no node yet, or has ended and given its GPUs back."""
    spec, metadata = pod.get("spec") or {}, pod.get("metadata") or {}
    node = spec.get("nodeName")
    if not node or (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
        return None
    count = _gpus(spec)
    return GpuHolder(metadata.get("namespace", ""), metadata.get("name", ""), node, count) if count else None


def _gpus(spec: Mapping[str, Any]) -> int:
    """The most GPUs that the pod's containers have at the same time, which is what the scheduler sets aside.

    Init containers run one after another before the others, except for native sidecars (restartPolicy Always), which
    stay: each counts for every container that starts after it.
    """
    sidecars = most = 0
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            sidecars += _asked(container)
        else:
            most = max(most, sidecars + _asked(container))
    return max(most, sidecars + _sum(spec.get("containers") or ()))


def _sum(containers: Iterable[Mapping[str, Any]]) -> int:
    return sum(_asked(container) for container in containers)


def _asked(container: Mapping[str, Any]) -> int:
    resources = container.get("resources") or {}
    # Kubernetes holds requests and limits of such a resource equal, and a request may be left out.
    return gpus_in(resources.get("requests")) or gpus_in(resources.get("limits"))
