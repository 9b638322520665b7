from datetime import timedelta
from typing import Any

import pytest
from tests.support.nodes import L4, NOW, T4, gpu_pod, node
from tests.support.pipelines import pipeline

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.children import desired
from sdp_operator.desired.parts import ComponentPart
from sdp_operator.drift import stamped
from sdp_operator.gpu_check import driver_check
from sdp_operator.gpus.facts import node_facts
from sdp_operator.gpus.fleet import Fleet
from sdp_operator.gpus.holders import gpu_holder
from sdp_operator.gpus.verdict import GpuReason
from sdp_operator.live import LiveChildren
from sdp_operator.objects import KubeObject
from sdp_operator.reasons import Reason
from sdp_operator.settings import Settings
from sdp_operator.world import World
from sdp_serving.contract.components import Component

DECODER = Component.DECODER
DRIVER = {"cloud.google.com/gke-gpu-driver-version": "default"}
BARE = node("node-a", T4)
GOOD = node("node-a", T4, capacity=1)
SCALE_UP = "NotTriggerScaleUp: pod didn't trigger scale-up: 1 max node group size reached"


@pytest.mark.parametrize(
    ("of_pipeline", "of_component", "expected"),
    [(None, None, "Warn"), ("Off", None, "Off"), ("Off", "Enforce", "Enforce"), ("Enforce", "Off", "Off")],
)
def test_a_component_has_its_own_check_before_the_pipelines(
    of_pipeline: str | None, of_component: str | None, expected: str
) -> None:
    parent = _pipeline(check=of_pipeline, gpu={} if of_component is None else {"driverCheck": of_component})
    assert driver_check(parent, parent.spec.components[DECODER]) == expected


@pytest.mark.parametrize("spec", [{}, {"gpu": {"count": 0}}, {"gpu": {"driverCheck": "Off"}}])
def test_where_nothing_is_to_be_looked_at_there_is_no_verdict(spec: KubeObject) -> None:
    parent = pipeline({"decoder": {"model": "gs://b/d", **spec}})
    assert _part(parent, _world(BARE)).gpus is None


@pytest.mark.parametrize("check", ["Warn", "Off"])
def test_an_operator_that_may_not_see_nodes_has_no_verdict_and_holds_nothing_back(check: str) -> None:
    part = _part(_pipeline(check=check), World(fleet=None))
    assert part.gpus is None
    assert part.problem is None


def test_an_operator_that_may_not_see_nodes_makes_no_pod_that_it_is_to_check_first() -> None:
    part = _part(_pipeline(check="Enforce"), World(fleet=None))
    assert part.deployment in part.withheld
    assert part.problem is not None
    assert part.problem.reason == Reason.NODES_HIDDEN
    assert "have its administrator allow it, or set driverCheck to Warn" in part.problem.message
    assert _part(_pipeline(check="Enforce", gpu={"count": 0}), World(fleet=None)).problem is None


def test_what_runs_already_stays_when_nodes_can_no_longer_be_seen() -> None:
    parent = _pipeline(check="Enforce")
    made = _part(parent, _world(GOOD)).deployment
    assert made is not None
    live = LiveChildren(objects={("Deployment", "sd-decoder"): stamped(made)})
    part = _part(parent, World(fleet=None, live=live))
    assert part.problem is None
    assert [one["kind"] for one in part.children].count("Deployment") == 1


def test_the_verdict_is_on_the_pods_that_are_to_be_made() -> None:
    part = _part(_pipeline(gpu={"accelerator": "nvidia-l4"}), _world(GOOD))
    assert part.gpus is not None
    assert part.gpus.reason is GpuReason.ACCELERATOR_MISMATCH
    part = _part(_pipeline(gpu={"accelerator": "nvidia-l4"}), _world(node("node-b", L4, capacity=1)))
    assert part.gpus is not None
    assert part.gpus.reason is GpuReason.GPUS_AVAILABLE, "they tolerate the taint of nodes with GPUs"


def test_gpus_that_the_components_own_pods_hold_are_free_for_it() -> None:
    mine = gpu_pod("mine", "node-a")
    mine["metadata"]["labels"] = {"app.kubernetes.io/component": "decoder"}
    held = _world(GOOD, pods=[mine])
    own = World(fleet=held.fleet, live=LiveChildren(pods={"mine": mine}))
    (busy, free) = (_part(_pipeline(), world).gpus for world in (held, own))
    assert busy is not None
    assert free is not None
    assert busy.reason is GpuReason.GPUS_BUSY
    assert "art/mine (1 on node-a)" in busy.message
    assert free.reason is GpuReason.GPUS_AVAILABLE


def test_an_operator_that_sees_few_namespaces_says_that_gpus_are_free_as_far_as_it_sees() -> None:
    seen, few = _world(GOOD), Settings(namespaces=("art",))
    for world, settings, limited in ((seen, Settings(), False), (seen, few, True), (_world(BARE), few, False)):
        gpus = desired(_pipeline(), world, settings, NOW).components[DECODER].gpus
        assert gpus is not None
        assert (
            gpus.message.endswith(", as far as the operator sees: only the pods of the namespaces that it serves")
            is limited
        )


def test_under_an_autoscaler_the_fewest_replicas_are_to_find_gpus() -> None:
    scaled = {"minReplicas": 2, "maxReplicas": 9, "metric": {"name": "m", "averageValue": 1}}
    parent = _pipeline(autoscaling=scaled)
    gpus = _part(parent, _world(GOOD, node("node-b", T4, capacity=1))).gpus
    assert gpus is not None
    assert gpus.reason is GpuReason.GPUS_AVAILABLE


def test_what_the_clusters_autoscaler_said_of_the_components_pods_is_told() -> None:
    waiting = gpu_pod("waiting", None)
    waiting["metadata"]["labels"] = {"app.kubernetes.io/component": "decoder"}
    live = LiveChildren(pods={"waiting": waiting}, words={"waiting": SCALE_UP})
    gpus = _part(_pipeline(), World(fleet=Fleet.of([], []), live=live)).gpus
    assert gpus is not None
    assert gpus.reason is GpuReason.NO_MATCHING_NODE
    assert "max node group size reached" in gpus.message


@pytest.mark.parametrize(("check", "is_made"), [("Enforce", False), ("Warn", True)])
def test_only_enforce_makes_no_pod_until_the_check_passes(check: str, is_made: bool) -> None:
    part = _part(_pipeline(check=check), _world(BARE))
    assert (part.deployment in part.children) is is_made
    assert (part.deployment in part.withheld) is not is_made
    kinds = {child["kind"] for child in part.children}
    assert {"Service", "ConfigMap"} <= kinds
    if not is_made:
        assert part.problem is not None
        assert part.problem.reason == GpuReason.DRIVER_MISSING
        assert "daemonset-preloaded.yaml" in part.problem.message, "with the command that mends it"
    assert _part(_pipeline(check=check), _world(GOOD)).problem is None


def test_a_cluster_that_may_yet_grow_holds_nothing_back() -> None:
    part = _part(_pipeline(check="Enforce"), _world())
    assert part.deployment in part.children
    assert part.gpus is not None
    assert part.gpus.status == "Unknown"


def test_a_driver_that_does_not_come_has_failed_a_quarter_of_an_hour_after_the_node() -> None:
    young = node("node-a", {**T4, **DRIVER}, age=timedelta(minutes=3))
    parent, world = _pipeline(), _world(young)
    for minutes, reason in ((0, GpuReason.DRIVER_INSTALLING), (11, GpuReason.DRIVER_INSTALLING)):
        gpus = _part(parent, world, minutes=minutes).gpus
        assert gpus is not None
        assert gpus.reason is reason
        assert gpus.recheck_after == timedelta(minutes=12 - minutes), "no event will call then"
    gpus = _part(parent, world, minutes=12).gpus
    assert gpus is not None
    assert gpus.reason is GpuReason.DRIVER_FAILED
    assert gpus.recheck_after is None


def _pipeline(*, check: str | None = None, gpu: KubeObject | None = None, **component: Any) -> Pipeline:
    spec = {"decoder": {"model": "gs://b/d", "gpu": gpu or {}, **component}}
    return pipeline({**spec, **({} if check is None else {"driverCheck": check})})


def _world(*nodes: KubeObject, pods: list[KubeObject] | None = None) -> World:
    holders = (gpu_holder(pod) for pod in pods or [])
    return World(fleet=Fleet.of(map(node_facts, nodes), (holder for holder in holders if holder is not None)))


def _part(parent: Pipeline, world: World, *, minutes: int = 0) -> ComponentPart:
    return desired(parent, world, Settings(), NOW + timedelta(minutes=minutes)).components[DECODER]
