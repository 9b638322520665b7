from typing import Any

import pytest
from tests.support.nodes import gpu_container, gpu_pod

from sdp_operator.gpus.holders import GpuHolder, gpu_holder


def test_a_pod_on_a_node_holds_the_gpus_that_it_asks_for() -> None:
    assert gpu_holder(gpu_pod("train", "node-a", 2)) == GpuHolder("art", "train", "node-a", 2)


def test_a_pod_that_is_deleted_holds_its_gpus_until_it_is_gone() -> None:
    pod = gpu_pod("train", "node-a")
    pod["metadata"]["deletionTimestamp"] = "2026-11-23T07:00:00Z"
    assert gpu_holder(pod) is not None


@pytest.mark.parametrize(
    "pod",
    [
        gpu_pod("waits", None),
        gpu_pod("done", "node-a", phase="Succeeded"),
        gpu_pod("crashed", "node-a", phase="Failed"),
        gpu_pod("cpu", "node-a", 0),
        {"metadata": {"name": "bare"}, "spec": {"nodeName": "node-a"}},
        {},
    ],
    ids=lambda pod: pod.get("metadata", {}).get("name", "empty"),
)
def test_no_other_pod_holds_any(pod: dict[str, Any]) -> None:
    assert gpu_holder(pod) is None


def _sidecar(count: int) -> dict[str, Any]:
    return gpu_container(count, restartPolicy="Always")


@pytest.mark.parametrize(
    ("init", "main", "held"),
    [
        ([], [gpu_container(1), gpu_container(2)], 3),
        ([gpu_container(4), gpu_container(5)], [gpu_container(1)], 5),
        ([gpu_container(1)], [gpu_container(2)], 2),
        ([_sidecar(1)], [gpu_container(2)], 3),
        ([_sidecar(1), gpu_container(3)], [gpu_container(2)], 4),  # the sidecar runs beside the init container after it
        ([gpu_container(3), _sidecar(1)], [gpu_container(1)], 3),  # but not beside the one before it
        ([_sidecar(1), _sidecar(1)], [], 2),
    ],
)
def test_containers_that_run_at_the_same_time_add_up(
    init: list[dict[str, Any]], main: list[dict[str, Any]], held: int
) -> None:
    pod = gpu_pod("train", "node-a")
    pod["spec"] |= {"initContainers": init, "containers": main}
    holder = gpu_holder(pod)
    assert holder is not None
    assert holder.count == held


def test_a_limit_is_a_request_too() -> None:
    pod = gpu_pod("train", "node-a")
    pod["spec"]["containers"] = [{"resources": {"limits": {"nvidia.com/gpu": "2"}}}]
    assert gpu_holder(pod) == GpuHolder("art", "train", "node-a", 2)
