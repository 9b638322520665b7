from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.support.nodes import GPU_TAINT, GPU_TOLERATION, NOW, node

from sdp_operator.gpus.ask import GpuAsk
from sdp_operator.gpus.check import check
from sdp_operator.gpus.facts import NodeFacts, node_facts
from sdp_operator.gpus.fleet import Fleet
from sdp_operator.gpus.holders import GpuHolder
from sdp_operator.gpus.verdict import GpuReason, GpuVerdict

GKE = "cloud.google.com/gke-accelerator"
BEST_FIRST = list(GpuReason)

NAMES = st.sampled_from(["a", "b", "c", "n" * 253])
ACCELERATORS = st.sampled_from(["nvidia-l4", "nvidia-tesla-t4", "x" * 63])
OTHER_LABELS = st.fixed_dictionaries(
    {},
    optional={
        "cloud.google.com/gke-gpu-driver-version": st.sampled_from(["default", "latest", "autoinstall-disabled"]),
        "cloud.google.com/gke-accelerator-count": st.sampled_from(["1", "4", "", "many", "²"]),
        "cloud.google.com/gke-gpu-sharing-strategy": st.sampled_from(["time-sharing", "mps"]),
        "cloud.google.com/gke-os-distribution": st.sampled_from(["cos", "ubuntu"]),
        "gke-no-default-nvidia-gpu-device-plugin": st.just("true"),
        "nvidia.com/gpu.present": st.sampled_from(["true", "false"]),
        "nvidia.com/gpu.product": st.just("NVIDIA-L4"),
        "nvidia.com/cuda.driver.major": st.just("580"),
        "nvidia.com/gpu.deploy.driver": st.sampled_from(["true", "false", "pre-installed"]),
        "feature.node.kubernetes.io/pci-10de.present": st.just("true"),
        "zone": st.sampled_from(["a", "b"]),
    },
)
LABELS = OTHER_LABELS | st.builds(lambda labels, accelerator: {**labels, GKE: accelerator}, OTHER_LABELS, ACCELERATORS)
TAINTS = st.lists(
    st.sampled_from(
        [
            {"key": f"{'d' * 253}/{'k' * 63}", "value": "v" * 63, "effect": "NoExecute"},
            {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
            {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
            {"key": "team", "effect": "PreferNoSchedule"},
        ]
    ),
    max_size=2,
)
CONDITIONS = st.lists(
    st.just({"type": "T" * 300, "status": "True", "reason": "R" * 300, "message": "m" * 3000}), max_size=1
)


@st.composite
def gpu_nodes(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> NodeFacts:
    return node_facts(
        node(
            draw(names),
            draw(LABELS),
            capacity=draw(st.sampled_from([None, 0, 1, 4])),
            allocatable=draw(st.sampled_from([None, 0, 1, 3])),
            age=timedelta(minutes=draw(st.integers(-5, 30))),
            ready=not draw(st.sampled_from([False, False, False, True])),
            unschedulable=draw(st.sampled_from([False, False, False, True])),
            taints=draw(TAINTS),
            conditions=draw(CONDITIONS),
        )
    )


FLEETS = st.lists(gpu_nodes(), max_size=4, unique_by=lambda facts: facts.name)
HOLDERS = st.lists(
    st.builds(
        GpuHolder,
        namespace=st.sampled_from(["art", "s" * 63]),
        pod=st.sampled_from(["p", "q", "r", "p" * 253]),
        node=NAMES,
        count=st.integers(1, 8),
    ),
    max_size=6,
)
SELECTORS = st.sampled_from([{}, {}, {GKE: "nvidia-l4"}, {GKE: "y" * 63, "zone": "a"}, {"z" * 253: "z" * 63}])
ASKS = st.builds(
    GpuAsk,
    count=st.sampled_from([1, 1, 2, 4, 5, 0]),
    replicas=st.sampled_from([2, 1, 3, 5, 0]),
    accelerator_label=st.sampled_from([GKE, "nvidia.com/gpu.product", f"{'d' * 253}/{'k' * 63}"]),
    node_selector=SELECTORS,
    tolerations=st.sampled_from([[{"operator": "Exists"}], [GPU_TOLERATION], []]),
    namespace=st.just("art"),
    own_pods=st.sampled_from([frozenset(), frozenset({"p"}), frozenset({"p", "gone"})]),
    autoscaler_event=st.sampled_from([None, "", "no scale-up " * 300]),
)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["1", "9999-12-31T23:59:59Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
WEIRD_NODES = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": st.text(max_size=9)}, optional={"labels": JSON, "creationTimestamp": JSON}
        )
    },
    optional={
        "spec": JSON
        | st.fixed_dictionaries({"taints": JSON | st.lists(JSON | st.just(GPU_TAINT)), "unschedulable": JSON}),
        "status": JSON
        | st.fixed_dictionaries(
            {
                "capacity": JSON | st.fixed_dictionaries({"nvidia.com/gpu": JSON}),
                "allocatable": JSON | st.fixed_dictionaries({"nvidia.com/gpu": JSON}),
                "conditions": JSON | st.lists(st.fixed_dictionaries({"type": JSON, "status": JSON, "reason": JSON})),
                "nodeInfo": JSON,
            }
        ),
    },
)


def assert_bounded(found: GpuVerdict) -> None:
    assert len(found.message) < 1000
    assert "\n" not in found.message


@given(ask=ASKS, nodes=FLEETS, holders=HOLDERS)
def test_every_message_is_bounded_and_ends_in_a_whole_remedy(
    ask: GpuAsk, nodes: Sequence[NodeFacts], holders: Sequence[GpuHolder]
) -> None:
    found = check(ask, Fleet.of(nodes, holders), NOW)
    assert_bounded(found)
    if found.status != "True":
        what, separator, remedy = found.message.partition(": ")
        assert what
        assert separator
        assert remedy
        assert not found.message.endswith("…")
    assert found.message.count("`") in {0, 2}


@given(ask=ASKS, nodes=FLEETS, holders=HOLDERS, added=gpu_nodes(st.just("added")))
def test_another_node_never_makes_the_verdict_worse(
    ask: GpuAsk, nodes: Sequence[NodeFacts], holders: Sequence[GpuHolder], added: NodeFacts
) -> None:
    before = check(ask, Fleet.of(nodes, holders), NOW)
    after = check(ask, Fleet.of([*nodes, added], holders), NOW)
    assert BEST_FIRST.index(after.reason) <= BEST_FIRST.index(before.reason)


@given(ask=ASKS, nodes=FLEETS, holders=HOLDERS, added=gpu_nodes(st.just("added")))
def test_a_node_that_does_not_match_changes_nothing(
    ask: GpuAsk, nodes: Sequence[NodeFacts], holders: Sequence[GpuHolder], added: NodeFacts
) -> None:
    elsewhere = GpuAsk(
        ask.count, ask.replicas, GKE, {"pool": "elsewhere"}, ask.tolerations, None, ask.namespace, ask.own_pods
    )
    assert check(elsewhere, Fleet.of([*nodes, added], holders), NOW) == check(elsewhere, Fleet.of(nodes, holders), NOW)


@given(ask=ASKS, nodes=FLEETS, holders=HOLDERS)
def test_a_verdict_that_time_alone_changes_says_when(
    ask: GpuAsk, nodes: Sequence[NodeFacts], holders: Sequence[GpuHolder]
) -> None:
    fleet = Fleet.of(nodes, holders)
    found = check(ask, fleet, NOW)
    due = found.recheck_after
    assert (due is not None) == (found.reason is GpuReason.DRIVER_INSTALLING)
    if due is not None:
        assert timedelta(0) < due <= timedelta(minutes=15)
        assert check(ask, fleet, NOW + due) != found
    else:
        assert check(ask, fleet, NOW + timedelta(days=1)).reason == found.reason


@given(ask=ASKS, raw=st.lists(WEIRD_NODES, max_size=3))
def test_no_node_is_too_weird(ask: GpuAsk, raw: list[dict[str, Any]]) -> None:
    assert_bounded(check(ask, Fleet.of(map(node_facts, raw), []), NOW))
