"""How a component gets its new model or its new pods: what the operator would choose, were the file applied now."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.source import source_of
from sdp_operator.objects import KubeObject
from sdp_operator.plan.result import Way
from sdp_operator.plan.sight import Known, Looked, Sight
from sdp_operator.plan.source import asked_source
from sdp_operator.pods import is_ready
from sdp_operator.swap.look import component_pods, look, remembered
from sdp_operator.swap.strategy import choose, choose_for_canary
from sdp_serving.contract.components import Component


def swap_way(sight: Sight, component: Component, now: datetime) -> Way:
    """How the model that is asked for comes to the pods."""
    pipeline = sight.after
    spec, source = pipeline.spec.components[component], asked_source(pipeline, component)
    state = remembered(pipeline, component, sight.world.live)
    seen = look(pipeline, component, spec, source, state, sight.world, sight.settings, now)
    sizes = [_size(models, component) for models in (sight.running, sight.models)]
    pods = component_pods(component, sight.world.live).values()
    barrier = seen.room.barrier
    if state is None and pods:
        barrier = "the operator, which decides, remembers nothing yet of the running pods"
    room = replace(
        seen.room,
        barrier=barrier,
        is_served=any(is_ready(pod) for pod in pods),
        size=None if None in sizes else sum(size for size in sizes if size is not None),
    )
    choice = choose(pipeline.spec.swap.strategy, room)
    return Way(strategy=choice.strategy, reason=choice.reason)


def canary_alone(sight: Sight, now: datetime) -> str | None:
    """Why the canary gets a replica of its own; None where it gets none, or nothing is known of what it is beside."""
    pipeline, component = sight.after, Component.DIFFUSION_MODEL
    spec = pipeline.spec.diffusion_model
    if spec is None or spec.canary is None or spec.canary.model == spec.model:
        return None
    state = remembered(pipeline, component, sight.world.live)
    if state is None:
        return None
    there = state.candidate
    if there is not None and there.source == spec.canary.model and there.choice is not None:
        return None if there.rollout is None else there.choice.reason
    source, canary = asked_source(pipeline, component), source_of(spec.canary.model)
    seen = look(pipeline, component, spec, source, state, sight.world, sight.settings, now, canary=canary)
    sizes = [one.model.size_bytes for one in (sight.models.get(component), sight.canary) if isinstance(one, Known)]
    choice = choose_for_canary(
        pipeline.spec.swap.strategy, replace(seen.room, size=sum(sizes) if len(sizes) == 2 else None)
    )
    return None if choice.strategy == "InPlace" else choice.reason


def roll_way(pipeline: Pipeline, wanted: KubeObject) -> Way:
    """How new pods follow the ones that run, when it is not for a model."""
    drains = wanted["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0
    if pipeline.spec.swap.strategy in {"Surge", "Drain"}:
        reason = "swap.strategy says so"
    elif drains:
        reason = "there are no free GPUs for a new replica"
    else:
        reason = "the pods themselves change, and nothing keeps a new one from starting beside the old"
    return Way(strategy="Drain" if drains else "Surge", reason=reason)


def _size(models: Mapping[Component, Looked], component: Component) -> int | None:
    found = models.get(component)
    return found.model.size_bytes if isinstance(found, Known) else None
