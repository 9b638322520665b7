from datetime import UTC, datetime, timedelta

import pytest
from tests.support.nodes import L4, NOW, node

from sdp_operator.gpus.facts import NodeCondition, NodeFacts, Taint, node_facts
from sdp_operator.gpus.quantities import gpus_in


def test_a_node_is_read() -> None:
    pressure = {"type": "DiskPressure", "status": "True", "reason": "Full", "message": "disk\n is  full"}
    facts = node_facts(
        node(
            "gpu-1", L4, capacity=4, allocatable=3, age=timedelta(minutes=5), unschedulable=True, conditions=[pressure]
        )
    )
    assert facts == NodeFacts(
        name="gpu-1",
        labels=L4,
        taints=(Taint("nvidia.com/gpu", "present", "NoSchedule"),),
        unschedulable=True,
        not_ready=None,
        problems=(NodeCondition("DiskPressure", "Full", "disk is full"),),
        gpu_capacity=4,
        gpu_allocatable=3,
        created=NOW - timedelta(minutes=5),
        os_image="Container-Optimized OS from Google",
    )


def test_a_nodes_words_are_kept_short() -> None:
    wordy = {"type": "GpuFault", "status": "True", "message": "word " * 1000}
    assert len(node_facts(node(conditions=[wordy])).problems[0].message) == 200


def test_a_node_that_is_not_ready_says_why() -> None:
    facts = node_facts(node(ready=False))
    assert facts.not_ready == NodeCondition("Ready", "KubeletNotReady", "no network")
    assert facts.problems == ()


def test_a_node_whose_kubelet_is_silent_is_not_ready() -> None:
    facts = node_facts(
        {"status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]}}
    )
    assert facts.not_ready == NodeCondition("Ready", "NodeStatusUnknown", "")


@pytest.mark.parametrize(
    "bare",
    [
        {},
        {"metadata": None, "spec": None, "status": None},
        {"metadata": {"labels": None, "creationTimestamp": "yesterday"}, "spec": {"taints": None}},
        {
            "metadata": {"creationTimestamp": 7},
            "spec": {"taints": ["?"]},
            "status": {"conditions": ["?"], "capacity": 3},
        },
    ],
)
def test_what_a_node_lacks_is_taken_as_empty(bare: dict[str, object]) -> None:
    assert node_facts(bare) == NodeFacts(name="", created=datetime.fromtimestamp(0, UTC))


def test_labels_are_not_copied() -> None:
    raw = node(labels=L4)
    assert node_facts(raw).labels is raw["metadata"]["labels"]


@pytest.mark.parametrize(
    ("amounts", "gpus"),
    [
        ({"nvidia.com/gpu": "8"}, 8),
        ({"nvidia.com/gpu": 8}, 8),
        ({"nvidia.com/gpu": "1k"}, 1000),
        ({"nvidia.com/gpu": "1Ki"}, 1024),
        ({"nvidia.com/gpu": "0"}, 0),
        ({"nvidia.com/gpu": "-1"}, 0),
        ({"nvidia.com/gpu": -1}, 0),
        ({"nvidia.com/gpu": "many"}, 0),
        ({"nvidia.com/gpu": None}, 0),
        ({"cpu": "8"}, 0),
        (None, 0),
    ],
)
def test_gpus_are_counted_as_kubernetes_writes_them(amounts: object, gpus: int) -> None:
    assert gpus_in(amounts) == gpus
