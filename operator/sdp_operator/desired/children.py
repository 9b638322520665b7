"""All children of a pipeline."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sdp_operator.api.v1alpha1 import Cache, ComponentSpec, Pipeline, ServiceOptions
from sdp_operator.desired.autoscaler import autoscaler
from sdp_operator.desired.config_map import METRICS_PATH, config_map, keep_files
from sdp_operator.desired.deployment import deployment, revision
from sdp_operator.desired.disruption_budget import disruption_budget
from sdp_operator.desired.export_job import export_job, exported_uri
from sdp_operator.desired.frozen import inputs_before_rollouts, keep_template
from sdp_operator.desired.gateway.part import gateway_part
from sdp_operator.desired.identity import CANARY, child_name
from sdp_operator.desired.models_config_map import models_config_map
from sdp_operator.desired.network_policy import network_policy
from sdp_operator.desired.parts import ComponentPart, Desired
from sdp_operator.desired.pod_monitor import pod_monitor
from sdp_operator.desired.puller import refusal
from sdp_operator.desired.replicas import keep_replicas
from sdp_operator.desired.service import service, service_host
from sdp_operator.desired.source import Pulled, Rollout, Source, declared_source, source_of
from sdp_operator.drift import is_as_applied, stamped
from sdp_operator.exports.read import read_export
from sdp_operator.exports.state import Done, Export
from sdp_operator.gpu_check import driver_check, gpu_verdict, has_free_gpus
from sdp_operator.gpus.verdict import GpuVerdict
from sdp_operator.live import LiveChildren, object_key
from sdp_operator.objects import KubeObject
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.settings import Settings
from sdp_operator.sharing import share
from sdp_operator.swap.advance import Seen, advance, models
from sdp_operator.swap.canary import alone, canary_of, canary_progress
from sdp_operator.swap.look import look, pullers_to_tell, remembered
from sdp_operator.swap.progress import look_again, progress
from sdp_operator.swap.state import SwapState, write_state
from sdp_operator.swap.strategy import RollStrategy, roll_strategy
from sdp_operator.world import World
from sdp_serving.contract.components import Component

_NO_ROLLOUT: Final = "none"
"""Of pods that are not to be made yet."""


def desired(pipeline: Pipeline, world: World, settings: Settings, now: datetime) -> Desired:
    """What the pipeline should have, given what was seen of the cluster."""
    parts: dict[Component, ComponentPart] = {}
    sighted: dict[Component, _Sighted] = {}
    for component, spec in pipeline.spec.components.items():
        if spec.from_ is not None:
            owner = world.owners.get(component)
            shared = share(pipeline, component, spec.from_, owner, served=settings.namespaces)
            parts[component] = ComponentPart(shared=shared)
        else:
            sighted[component] = _sight(pipeline, component, spec, world, settings, now)
    known = {component: models(one.state, one.seen) for component, one in sighted.items() if one.state is not None}
    for component, one in sighted.items():
        others = {other: theirs for other, theirs in known.items() if other is not component}
        seen = replace(one.seen, others=others)
        parts[component] = _component(pipeline, component, replace(one, seen=seen), world, settings, now)
    components = {component: parts[component] for component in pipeline.spec.components}
    return Desired(components, gateway_part(pipeline, components, world, settings))


@dataclass(frozen=True)
class _Sighted:
    """What is asked of a component that runs here, and what is seen of it.

    Attributes:
        spec: what is asked.
        job: the Job that exports its weights; None for one without.
        export: what became of that.
        problem: why what is asked for can't be served yet.
        state: what is remembered of its models.
        seen: what is seen of them.
        source: the model that is asked for, whether it can be served or not.
    """

    spec: ComponentSpec
    job: KubeObject | None
    export: Export | None
    problem: Problem | None
    state: SwapState | None
    seen: Seen
    source: Source


def _sight(
    pipeline: Pipeline, component: Component, spec: ComponentSpec, world: World, settings: Settings, now: datetime
) -> _Sighted:
    source = declared_source(spec) or _exported(pipeline, component, spec)
    forbidden = _forbidden(source, pipeline.spec.cache, settings)
    job = None if spec.weights is None or forbidden else export_job(pipeline, component, spec.weights, settings)
    export = None if job is None else _export(job, source, world.live)
    canary = None if (asked := canary_of(spec)) is None else source_of(asked.model)
    beside = None if canary is None else _forbidden(canary, pipeline.spec.cache, settings)
    problem = forbidden or _not_exported(export) or beside
    state = remembered(pipeline, component, world.live)
    served = source if problem is None else None
    seen = look(pipeline, component, spec, served, state, world, settings, now, canary=canary)
    return _Sighted(spec, job, export, problem, state, seen, source)


def _component(
    pipeline: Pipeline, component: Component, one: _Sighted, world: World, settings: Settings, now: datetime
) -> ComponentPart:
    spec, problem = one.spec, one.problem
    live = world.live.find("Deployment", child_name(pipeline, component))
    state = advance(one.state, one.seen, now)
    wanted = keep_replicas(_deployment(pipeline, component, one, state, world, settings, now), live)
    gpus = gpu_verdict(pipeline, component, spec, wanted, world, settings, now)
    beside = (
        *([] if one.job is None else [one.job]),
        *([] if state is None else [models_config_map(pipeline, component, state.desired(), write_state(state))]),
        *_beside(pipeline, component, spec, world, settings, wanted),
        service(pipeline, component, spec.service),
        disruption_budget(pipeline, component),
        *([] if spec.autoscaling is None else [autoscaler(pipeline, component, spec.autoscaling)]),
    )
    part = ComponentPart((*beside, wanted), deployment=wanted, gpus=gpus, export=one.export, problem=problem)
    if state is None:
        return replace(part, children=beside, withheld=(wanted,))
    part = replace(
        part,
        models=state,
        progress=progress(state, one.seen, now),
        look_again=look_again(state, one.seen, now),
        to_tell=pullers_to_tell(component, state, world.live),
        canary=canary_progress(canary_of(spec), state, one.seen, problem, now, host=service_host(pipeline.key, CANARY)),
        beside=_canary(pipeline, component, spec, state, world, settings, now),
    )
    unready = _forbidden(source_of(state.serving.source), pipeline.spec.cache, settings)
    unready = unready or _unchecked(pipeline, spec, gpus, world)
    if unready is None or (live is not None and is_as_applied(live, stamped(wanted))):
        return part
    return replace(part, children=beside, withheld=(wanted,), problem=problem or unready)


def _canary(
    pipeline: Pipeline,
    component: Component,
    of_stable: ComponentSpec,
    state: SwapState,
    world: World,
    settings: Settings,
    now: datetime,
) -> ComponentPart | None:
    """What a canary's own replica should have; None where it has none."""
    canary = state.candidate
    if canary is None or canary.rollout is None:
        return None
    spec = alone(of_stable, canary.source)
    # Without one the other model answers: that its replica is made anew takes no GPU more.
    rollout = Rollout(canary.rollout, source_of(canary.source), "Drain")
    live = world.live.find("Deployment", child_name(pipeline, CANARY))
    wanted = keep_template(deployment(pipeline, component, spec, rollout, settings, part=CANARY), live)
    gpus = gpu_verdict(pipeline, CANARY, spec, wanted, world, settings, now)
    beside = (
        models_config_map(pipeline, CANARY, state.desired_of_canary()),
        *_beside(pipeline, component, spec, world, settings, wanted, part=CANARY),
        service(pipeline, CANARY, ServiceOptions()),
    )
    part = ComponentPart((*beside, wanted), deployment=wanted, gpus=gpus)
    unready = _unchecked(pipeline, spec, gpus, world)
    if unready is None or (live is not None and is_as_applied(live, stamped(wanted))):
        return part
    return replace(part, children=beside, withheld=(wanted,), problem=unready)


def _deployment(
    pipeline: Pipeline,
    component: Component,
    one: _Sighted,
    state: SwapState | None,
    world: World,
    settings: Settings,
    now: datetime,
) -> KubeObject:
    """The Deployment of what is to be served, with the pod template that is there where that was made of the same."""
    live = world.live.find("Deployment", child_name(pipeline, component))
    source = one.source if state is None else source_of(state.serving.source)
    name = _NO_ROLLOUT if state is None else state.rollout
    before_rollouts = inputs_before_rollouts(pipeline, one.spec, source)

    def built(strategy: RollStrategy) -> KubeObject:
        made = deployment(pipeline, component, one.spec, Rollout(name, source, strategy), settings)
        return keep_template(made, live, before_rollouts=before_rollouts)

    wanted = built("Surge")
    there = _rolling(live, wanted)
    room = one.seen.room
    if there is None and live is not None and room.gpus:
        room = replace(room, has_free_gpus=has_free_gpus(pipeline, one.spec, wanted, world, settings, now))
    strategy = roll_strategy(pipeline.spec.swap.strategy, state, there, room)
    return wanted if strategy == "Surge" else built(strategy)


def _rolling(live: KubeObject | None, wanted: KubeObject) -> RollStrategy | None:
    """How the pods of the Deployment that is there make room for one another; None where they are to be others."""
    if live is None or revision(live) != revision(wanted):
        return None
    return "Drain" if live["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxSurge") == 0 else "Surge"


def _exported(pipeline: Pipeline, component: Component, spec: ComponentSpec) -> Source:
    assert spec.weights is not None, "the only source that is not declared"
    return Pulled(exported_uri(pipeline, component, spec.weights))


def _export(job: KubeObject, source: Source, live: LiveChildren) -> Export:
    assert isinstance(source, Pulled)
    return read_export(source.uri, live.objects.get(object_key(job)), live.job_pods.values(), live.words)


def _beside(
    pipeline: Pipeline,
    component: Component,
    spec: ComponentSpec,
    world: World,
    settings: Settings,
    deployment_: KubeObject,
    *,
    part: str | None = None,
) -> Iterator[KubeObject]:
    """What the component, or another part that serves it, has beside its Deployment."""
    part = part or component
    files = config_map(pipeline, component, spec, part=part)
    yield keep_files(files, world.live.objects.get(object_key(files)), deployment_["spec"]["template"])
    if pipeline.spec.network_policy is not None:
        yield network_policy(pipeline, part, pipeline.spec.network_policy, settings)
    monitoring = pipeline.spec.monitoring
    if monitoring is not None and monitoring.pod_monitor is not None and "PodMonitor" not in world.unknown_kinds:
        yield pod_monitor(pipeline, part, monitoring.pod_monitor, port="rest", path=METRICS_PATH)


def _not_exported(export: Export | None) -> Problem | None:
    return None if export is None or isinstance(export, Done) else Problem(export.reason, export.message)


def _forbidden(source: Source, cache: Cache | None, settings: Settings) -> Problem | None:
    message = refusal(source, cache, settings)
    return None if message is None else Problem(Reason.FILES_FORBIDDEN, message)


def _unchecked(pipeline: Pipeline, spec: ComponentSpec, gpus: GpuVerdict | None, world: World) -> Problem | None:
    """Why the driver check forbids to make pods. A warning does not: a node pool scales up only for pods that wait."""
    if not spec.gpus_per_replica or driver_check(pipeline, spec) != "Enforce":
        return None
    if world.fleet is None:
        message = (
            "the operator may not see nodes, so that driverCheck, which is Enforce, lets no replica be made: have its"
            " administrator allow it, or set driverCheck to Warn"
        )
        return Problem(Reason.NODES_HIDDEN, message)
    if gpus is None or gpus.status != "False":
        return None
    return Problem(gpus.reason, f"{gpus.message}; until then driverCheck, which is Enforce, lets no replica be made")
