"""What is seen of a component's models: from the live objects, and from what pods have told."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sdp_operator.api.v1alpha1 import ComponentSpec, Pipeline
from sdp_operator.desired.digest import digest
from sdp_operator.desired.frozen import asked_of_pods
from sdp_operator.desired.identity import CANARY, COMPONENT, REVISION, child_name
from sdp_operator.desired.models_config_map import models_config_map_name
from sdp_operator.desired.source import Baked, Mounted, Source, fits_the_same_pods, source_of
from sdp_operator.desired.telling import to_tell
from sdp_operator.drift import amount
from sdp_operator.gpu_check import has_free_gpus
from sdp_operator.live import LiveChildren
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_operator.swap.advance import Seen
from sdp_operator.swap.canary import canary_of
from sdp_operator.swap.gpu_memory import gpu_memory
from sdp_operator.swap.state import ROLLOUT, SwapState, read_state
from sdp_operator.swap.strategy import Room
from sdp_operator.swap.witness import Witness, witness
from sdp_operator.world import World
from sdp_serving.contract.components import Component

_BARRIERS: Final = {
    Baked: "an image is part of its pods",
    Mounted: "a claim is mounted when a pod starts",
}


def remembered(pipeline: Pipeline, component: Component, live: LiveChildren) -> SwapState | None:
    """What the operator has remembered of the component."""
    found = live.find("ConfigMap", models_config_map_name(pipeline, component))
    return None if found is None else read_state(found.get("data") or {})


def look(
    pipeline: Pipeline,
    component: Component,
    spec: ComponentSpec,
    asked: Source | None,
    state: SwapState | None,
    world: World,
    settings: Settings,
    now: datetime,
    *,
    canary: Source | None = None,
) -> Seen:
    """What is asked of a component, and what is seen of it.

    Args:
        pipeline: the pipeline.
        component: the component.
        spec: what is asked of it.
        asked: the model that is asked for; None while that is not known or not allowed.
        state: what is remembered of it.
        world: what was seen of the cluster.
        settings: the operator's.
        now: the time.
        canary: the model that is to be held beside the one that is asked for; None for none.
    """
    live = world.live.find("Deployment", child_name(pipeline, component))
    pods = component_pods(component, world.live)
    seen = Seen(
        component,
        None if asked is None else source_name(asked),
        canary=None if canary is None else source_name(canary),
        strategy=pipeline.spec.swap.strategy,
        pods=asked_of_pods(pipeline, spec),
        watch=timedelta(seconds=pipeline.spec.swap.watch_seconds),
        replicas=wanted_replicas(spec, live),
        witnesses=_witnesses(pods, live, state, world),
        canary_pods=_canary_pods(world),
        live_rollout=None if live is None else _rollout(live["spec"]["template"]),
        room=Room(gpus=spec.gpus_per_replica, memory_limit=_memory_limit(spec)),
    )
    coming = None if state is None or asked is None else seen.coming(state.serving.source)
    if state is None or coming is None:
        return seen
    # A canary's own replica goes before another model comes.
    leaving = component_pods(CANARY, world.live) if coming == seen.asked else ()
    free = None if live is None else has_free_gpus(pipeline, spec, live, world, settings, now, leaving=leaving)
    barrier = _barrier(source_of(coming), source_of(state.serving.source), seen.of(state.rollout))
    room = replace(
        seen.room,
        barrier=barrier,
        gpu_memory=_gpu_memory(spec, pods, world, settings),
        has_free_gpus=free,
    )
    return replace(seen, room=room, can_verify=barrier is None)


def source_name(source: Source) -> str:
    """The source as `source_of` reads it."""
    return source.image if isinstance(source, Baked) else str(source.uri)


def component_pods(part: str, live: LiveChildren) -> Mapping[str, KubeObject]:
    """The pods of a component, of the gateway or of the canary."""
    return {name: pod for name, pod in live.pods.items() if pod["metadata"]["labels"].get(COMPONENT) == part}


def wanted_replicas(spec: ComponentSpec, deployment: KubeObject | None) -> int:
    """How many replicas there are to be; under an autoscaler, it says so in the Deployment."""
    if spec.autoscaling is None or deployment is None:
        return spec.least_replicas
    scaled: int = deployment["spec"].get("replicas", spec.least_replicas)
    return scaled


def to_ask(pipeline: Pipeline, live: LiveChildren) -> Mapping[str, str]:
    """The addresses of the pods whose pullers are to be asked, by the pods' names: none at rest."""
    addresses: dict[str, str] = {}
    for component, spec in pipeline.spec.components.items():
        if spec.from_ is None and _matters(remembered(pipeline, component, live)):
            pods = component_pods(component, live)
            if canary_of(spec) is not None:
                pods = {**pods, **component_pods(CANARY, live)}
            found = (witness(pod, None) for pod in pods.values())
            addresses |= {one.name: one.address for one in found if one is not None and one.has_puller and one.address}
    return addresses


def pullers_to_tell(component: Component, state: SwapState, live: LiveChildren) -> Mapping[str, str]:
    """The pods whose pullers are to look at what is desired of them now, by name: with a digest of it."""
    desired = {name: digest(models.model_dump(mode="json")) for name, models in state.desired().rollouts.items()}
    moves = state.candidate is not None or (state.previous is not None and state.previous.rollout == state.rollout)
    pods = component_pods(component, live)
    found = (witness(pod, None) for pod in pods.values())
    digests = {
        one.name: desired[one.rollout]
        for one in found
        if one is not None and one.has_puller and one.rollout is not None and one.rollout in desired
    }
    return to_tell(digests, pods, is_news=moves)


def _matters(state: SwapState | None) -> bool:
    """Whether it matters what the pullers tell; what is not remembered, they know."""
    if state is None:
        return True
    moves = state.candidate is not None or (state.serving.came_in_place and state.serving.settled is None)
    return moves or state.previous is not None


def _witnesses(
    pods: Mapping[str, KubeObject], live: KubeObject | None, state: SwapState | None, world: World
) -> Sequence[Witness]:
    found = []
    for name, pod in pods.items():
        one = witness(pod, world.reports.get(name))
        if one is not None and one.rollout is None and state is not None and _is_frozen(pod, live):
            one = replace(one, rollout=state.rollout)
        if one is not None:
            found.append(one)
    return found


def _canary_pods(world: World) -> Sequence[Witness]:
    found = (witness(pod, world.reports.get(name)) for name, pod in component_pods(CANARY, world.live).items())
    return [one for one in found if one is not None]


def _is_frozen(pod: KubeObject, live: KubeObject | None) -> bool:
    """Whether the pod is of the template of an older operator, without rollouts, that has been kept."""
    if live is None or _rollout(live["spec"]["template"]) is not None:
        return False
    revision = live["spec"]["template"]["metadata"]["labels"].get(REVISION)
    return bool(pod["metadata"]["labels"].get(REVISION) == revision)


def _rollout(template: KubeObject) -> str | None:
    name: str | None = template["metadata"].get("annotations", {}).get(ROLLOUT)
    return name


def _barrier(asked: Source, serving: Source, pods: Sequence[Witness]) -> str | None:
    """Why the model can't come into the pods that run."""
    for source in (asked, serving):
        if (barrier := _BARRIERS.get(type(source))) is not None:
            return barrier
    if not fits_the_same_pods(asked, serving):
        return "the running pods can't reach a model of that kind of URI"
    if pods and not all(one.has_puller for one in pods):
        return "the running pods are of an older operator and have no puller that stays"
    return None


def _gpu_memory(spec: ComponentSpec, pods: Mapping[str, KubeObject], world: World, settings: Settings) -> int | None:
    """What the server may take of the smallest GPU that a replica has."""
    if world.fleet is None or not spec.gpus_per_replica:
        return None
    nodes = {pod["spec"].get("nodeName") for pod in pods.values()}
    members = [member for member in world.fleet.members if member.node.name in nodes]
    sizes = [gpu_memory(member.node.labels, settings.accelerator_label) for member in members]
    known = [size for size in sizes if size is not None]
    if not known or len(known) < len(sizes):
        return None
    percent = spec.server.gpu_memory_percent if spec.server is not None else None
    return min(known) * (100 if percent is None else percent) // 100


def _memory_limit(spec: ComponentSpec) -> int | None:
    limits = spec.resources.limits if spec.resources is not None else None
    limit = amount(limits.get("memory")) if limits else None
    return None if limit is None else int(limit)
