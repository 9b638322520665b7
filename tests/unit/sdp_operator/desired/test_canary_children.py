"""The children of a canary that has a replica of its own."""

from dataclasses import replace

import pytest
from tests.support.nodes import L4, gpu_pod, node
from tests.support.own_canary import ALONE, with_own_canary
from tests.support.pipelines import NOW, pipeline, pod, pulled, ready

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.children import desired
from sdp_operator.desired.deployment import revision
from sdp_operator.desired.parts import ComponentPart
from sdp_operator.desired.source import source_of
from sdp_operator.drift import stamped
from sdp_operator.gpus.facts import node_facts
from sdp_operator.gpus.fleet import Fleet
from sdp_operator.gpus.holders import gpu_holder
from sdp_operator.live import LiveChildren, object_key
from sdp_operator.objects import KubeObject
from sdp_operator.observe import observe
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.settings import Settings
from sdp_operator.swap.canary import CanaryState
from sdp_operator.swap.look import look, to_ask
from sdp_operator.swap.state import read_state
from sdp_operator.world import World
from sdp_serving.contract.components import Component

UNET = Component.DIFFUSION_MODEL
SETTINGS = Settings()
CANARY = "gs://b/new"
SPEC: KubeObject = {
    "diffusionModel": {"model": "gs://b/old", "canary": {"model": CANARY, "percent": 10}, "replicas": 3},
    "networkPolicy": {},
    "monitoring": {"podMonitor": {}},
    "gateway": {},
}


def test_nothing_of_the_other_models_finds_the_canarys_pods_and_the_other_way_round() -> None:
    part = _part(pipeline(SPEC))
    beside = _beside(part)
    canary, stable = (one.deployment["spec"]["template"]["metadata"]["labels"] for one in (beside, part))  # type: ignore[index]
    for children, found, not_found in ((part.children, stable, canary), (beside.children, canary, stable)):
        selectors = [labels for child in children if (labels := _selector(child)) is not None]
        assert len(selectors) >= 4
        for selector in selectors:
            assert selector.items() <= found.items()
            assert not selector.items() <= not_found.items()


def test_the_canary_has_one_replica_with_files_of_its_own_that_are_there_before_it() -> None:
    beside = _beside(_part(pipeline(SPEC)))
    assert [(child["kind"], child["metadata"]["name"]) for child in beside.children] == [
        ("ConfigMap", "sd-canary-models"),
        ("ConfigMap", "sd-canary"),
        ("NetworkPolicy", "sd-canary"),
        ("PodMonitor", "sd-canary"),
        ("Service", "sd-canary"),
        ("Deployment", "sd-canary"),
    ]
    assert beside.deployment is not None
    assert beside.deployment["spec"]["replicas"] == 1
    volumes = beside.deployment["spec"]["template"]["spec"]["volumes"]
    mounted = {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}
    assert mounted == {"sd-canary", "sd-canary-models"}


def test_an_upgrade_of_the_operator_restarts_no_canary() -> None:
    parent = pipeline(SPEC)
    live = with_own_canary(parent, SETTINGS)
    made = _beside(_part(parent, live))
    assert made.deployment is not None
    there = replace(live, objects={**live.objects, object_key(made.deployment): stamped(made.deployment)})
    newer = Settings(server_image="tensorflow/serving:99", puller_image="puller:99")
    kept = _beside(desired(parent, World(live=there), newer, NOW).components[UNET])
    anew = _beside(desired(parent, World(live=live), newer, NOW).components[UNET])
    assert kept.deployment is not None
    assert anew.deployment is not None
    assert revision(kept.deployment) == revision(made.deployment) != revision(anew.deployment)


def test_the_gateways_are_told_where_it_answers_once_its_pod_is_ready() -> None:
    parent = pipeline(SPEC)
    live = with_own_canary(parent, SETTINGS)
    part = _part(parent, live)
    assert part.canary is not None
    assert (part.canary.state, part.canary.served) == (CanaryState.WAITING, None)
    part = _part(parent, _with_canary_pod(parent, live))
    assert part.canary is not None
    assert part.canary.served is not None
    assert (part.canary.served.host, part.canary.served.version) == ("sd-canary.art.svc", None)
    assert part.canary.alone == ALONE.reason


def test_its_puller_is_asked_too_while_there_is_something_to_tell() -> None:
    parent = pipeline(SPEC)
    live = _with_canary_pod(parent, with_own_canary(parent, SETTINGS))
    for number, one in enumerate(live.pods.values()):
        one["status"] |= {"podIP": f"10.0.0.{number}"}
    assert to_ask(parent, live) == {"stable": "10.0.0.0", "canary": "10.0.0.1"}


def test_what_keeps_it_from_being_made_is_told_of_it_alone() -> None:
    spec = {**SPEC, "diffusionModel": {**SPEC["diffusionModel"], "gpu": {"count": 1, "driverCheck": "Enforce"}}}
    parent = pipeline(spec)
    live = with_own_canary(parent, SETTINGS)
    wanted = desired(parent, World(live=live, fleet=Fleet.of([node_facts(node("node-a", L4))], [])), SETTINGS, NOW)
    beside = _beside(wanted.components[UNET])
    assert beside.withheld == (beside.deployment,)
    assert wanted.components[UNET].problem is None
    taken = {"canary": Problem(Reason.NAME_TAKEN, "taken")}
    for refused, reason in (({}, "DriverMissing"), (taken, Reason.NAME_TAKEN)):
        seen = observe(parent, wanted, World(live=live), refused, "label")[UNET]
        assert seen.refused is None
        assert seen.beside is not None
        assert seen.beside.refused is not None
        assert seen.beside.refused.reason == reason


def test_a_component_without_replicas_has_none_for_its_canary_either() -> None:
    parent = pipeline({**SPEC, "diffusionModel": {**SPEC["diffusionModel"], "replicas": 0}})
    deployment = _beside(_part(parent)).deployment
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 0


@pytest.mark.parametrize(("asked", "is_free"), [("gs://b/old", False), (CANARY, True)])
def test_the_gpu_of_a_canary_is_free_for_the_model_that_follows(asked: str, *, is_free: bool) -> None:
    spec = {**SPEC, "diffusionModel": {**SPEC["diffusionModel"], "gpu": {"count": 1}}}
    parent = pipeline(spec)
    live = _with_canary_pod(parent, with_own_canary(parent, SETTINGS))
    full = Fleet.of(
        [node_facts(node("node-a", L4, capacity=2))],
        [holder for name in live.pods if (holder := gpu_holder(gpu_pod(name, "node-a"))) is not None],
    )
    edited = pipeline({**spec, "diffusionModel": {**spec["diffusionModel"], "model": asked}})
    state = read_state(live.objects["ConfigMap", "sd-diffusion-model-models"]["data"])
    unet = edited.spec.components[UNET]
    world = World(live=live, fleet=full)
    seen = look(edited, UNET, unet, source_of(asked), state, world, SETTINGS, NOW, canary=source_of(CANARY))
    assert seen.room.has_free_gpus is is_free


def _part(parent: Pipeline, live: LiveChildren | None = None) -> ComponentPart:
    live = with_own_canary(parent, SETTINGS) if live is None else live
    return desired(parent, World(live=live), SETTINGS, NOW).components[UNET]


def _beside(part: ComponentPart) -> ComponentPart:
    assert part.beside is not None
    return part.beside


def _with_canary_pod(parent: Pipeline, live: LiveChildren) -> LiveChildren:
    """The same with the canary's pod, which is ready."""
    deployment = _beside(_part(parent, live)).deployment
    assert deployment is not None
    return replace(
        live,
        objects={**live.objects, object_key(deployment): stamped(deployment)},
        pods={**live.pods, "canary": pod(deployment, name="canary", status=ready(pulled(UNET, CANARY)))},
    )


def _selector(child: KubeObject) -> dict[str, str] | None:
    """The labels by which the child finds pods; None for one that looks for none."""
    spec = child.get("spec", {})
    if child["kind"] == "Service":
        found: dict[str, str] = spec["selector"]
        return found
    selector = spec.get("selector") or spec.get("podSelector")
    return None if selector is None else selector["matchLabels"]
