"""The plan of a pipeline, from all that was seen of it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sdp_operator.desired.deployment import revision
from sdp_operator.desired.identity import CANARY, REVISION, child_name
from sdp_operator.desired.parts import ComponentPart
from sdp_operator.objects import KubeObject
from sdp_operator.plan.changes import changes
from sdp_operator.plan.gpus import gpus
from sdp_operator.plan.interruption import interruption
from sdp_operator.plan.refusals import refusals
from sdp_operator.plan.result import (
    Change,
    ComponentPlan,
    Gpus,
    Memory,
    Model,
    ModelFacts,
    PipelinePlan,
    Pods,
    Refusal,
    UnknownModel,
    Way,
)
from sdp_operator.plan.sight import Known, Looked, Sight, Unfit
from sdp_operator.plan.way import canary_alone, roll_way, swap_way
from sdp_operator.pods import is_ready
from sdp_operator.swap.look import component_pods, wanted_replicas
from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import differences

_SOURCES = ("model", "weights", "image", "from")


def refused_plan(name: str, namespace: str, refusal: Refusal, *, exists: bool) -> PipelinePlan:
    """The plan of a pipeline that the API server would not take."""
    return PipelinePlan(name=name, namespace=namespace, action="Change" if exists else "Create", refusals=(refusal,))


def plan_pipeline(sight: Sight, now: datetime) -> PipelinePlan:
    """What applying the pipeline would bring about."""
    before, after = (sight.live or {}).get("spec", {}), sight.body["spec"]
    fields = {component.field for component in Component}
    of_components = [_component(sight, component, before, after, now) for component in Component]
    others = tuple(
        changes(
            {key: value for key, value in before.items() if key not in fields},
            {key: value for key, value in after.items() if key not in fields},
        )
    )
    components = tuple(one for one in of_components if one is not None)
    differs = bool(components or others)
    return PipelinePlan(
        name=sight.after.name,
        namespace=sight.after.namespace,
        action="Create" if sight.live is None else "Change" if differs else "Nothing",
        refusals=tuple(refusals(sight)) if differs else (),
        components=components,
        changes=() if sight.live is None else others,
        notes=tuple(_notes(sight, now)),
    )


def _component(
    sight: Sight, component: Component, before: Mapping[str, Any], after: Mapping[str, Any], now: datetime
) -> ComponentPlan | None:
    """What a component goes through; None when nothing changes for it."""
    was, will = before.get(component.field), after.get(component.field)
    if was is None and will is None:
        return None
    if will is None:
        return _removed(sight, component)
    part = sight.wanted.components[component]
    if was is None:
        return _added(sight, component, part)
    return _changed(sight, component, part, was, will, now)


def _removed(sight: Sight, component: Component) -> ComponentPlan:
    pods = component_pods(component, sight.world.live)
    return ComponentPlan(
        component=component.field,
        action="Remove",
        running=_said(sight.running.get(component)),
        pods=Pods(end=len(pods)),
        interruption="nothing answers for it from then on",
    )


def _added(sight: Sight, component: Component, part: ComponentPart) -> ComponentPlan:
    spec = sight.after.spec.components[component]
    replicas = 0 if part.deployment is None else spec.least_replicas
    return ComponentPlan(
        component=component.field,
        action="Add",
        changes=(Change(field=f"{component.field}.{_source_field(sight, component)}", after=spec.source),),
        pods=Pods(start=replicas),
        model=_said(sight.models.get(component)),
        gpus=_gpus(sight, component, part, held=0, needed=replicas * spec.gpus_per_replica),
        interruption="none: nothing answers for it now",
    )


def _changed(
    sight: Sight, component: Component, part: ComponentPart, was: KubeObject, will: KubeObject, now: datetime
) -> ComponentPlan | None:
    spec = sight.after.spec.components[component]
    differing = tuple(changes(was, will, component.field))
    swaps = any(was.get(source) != will.get(source) for source in _SOURCES)
    live = sight.world.live.objects.get(("Deployment", child_name(sight.after, component)))
    wanted = part.deployment
    rolls = wanted is not None and live is not None and _live_revision(live) != revision(wanted)
    if not differing and not rolls:
        return None
    pods = component_pods(component, sight.world.live)
    serving = sum(is_ready(pod) for pod in pods.values())
    way = _way(sight, component, part, swaps=swaps, rolls=rolls, now=now)
    replaced = rolls or (way is not None and way.strategy != "InPlace")
    there = 0 if live is None else int(live["spec"].get("replicas", 1))
    wants = 0 if wanted is None else wanted_replicas(spec, live)
    holds = spec.gpus_per_replica
    growth = max(0, wants - there)
    surge = holds if way is not None and way.strategy == "Surge" and pods else 0
    canary = _canary_growth(sight, now) if component is Component.DIFFUSION_MODEL else 0
    needed = max(0, surge + (growth + canary) * holds)
    asked = _gpus(sight, component, part, held=holds * min(there, wants), needed=needed)
    said = Pods(
        restart=tuple(sorted(pods)) if replaced and wanted is not None else (),
        start=growth + max(0, canary),
        end=max(0, there - wants) + max(0, -canary),
        why=_why(swaps=swaps, rolls=rolls, differing=differing) if replaced else None,
    )
    return ComponentPlan(
        component=component.field,
        action="Swap" if swaps else "Change" if differing else "Restart",
        changes=differing,
        pods=said,
        swap=way,
        running=_said(sight.running.get(component)) if swaps else None,
        model=_said(sight.models.get(component)) if swaps else None,
        signatures=_signatures(sight, component) if swaps else None,
        gpus=asked,
        memory=_memory(sight, component, way) if swaps and wanted is not None else None,
        interruption=_interruption(sight, way, wanted, serving, asked, wants),
    )


def _way(
    sight: Sight, component: Component, part: ComponentPart, *, swaps: bool, rolls: bool, now: datetime
) -> Way | None:
    """How the component gets there; None where nothing of it is replaced here."""
    if part.deployment is None:
        return None
    if swaps:
        return swap_way(sight, component, now)
    return roll_way(sight.after, part.deployment) if rolls else None


def _interruption(
    sight: Sight, way: Way | None, wanted: KubeObject | None, serving: int, asked: Gpus | None, wants: int
) -> str:
    if wanted is None:
        return "none as long as the pipeline that it comes from answers"
    if not wants:
        return "requests fail, since no replica is left"
    return "none" if way is None else interruption(way, sight.after, serving=serving, gpus=asked)


def _canary_growth(sight: Sight, now: datetime) -> int:
    """How many replicas more the canary has of its own: one, none, or one less."""
    is_there = ("Deployment", child_name(sight.after, CANARY)) in sight.world.live.objects
    return int(canary_alone(sight, now) is not None) - int(is_there)


def _live_revision(live: KubeObject) -> str | None:
    label: str | None = live["spec"]["template"]["metadata"].get("labels", {}).get(REVISION)
    return label


def _why(*, swaps: bool, rolls: bool, differing: tuple[Change, ...]) -> str:
    if rolls and not differing:
        return "what changes for the whole pipeline is part of the pods"
    if rolls:
        return "what changes is part of the pods"
    assert swaps
    return "the model comes with new pods"


def _gpus(sight: Sight, component: Component, part: ComponentPart, *, held: int, needed: int) -> Gpus | None:
    per_replica = sight.after.spec.components[component].gpus_per_replica
    if part.deployment is None or not per_replica:
        return None
    return gpus(part.deployment, sight.world.fleet, per_replica=per_replica, held=held, needed=needed)


def _memory(sight: Sight, component: Component, way: Way | None) -> Memory:
    spec = sight.after.spec.components[component]
    limits = (spec.resources and spec.resources.limits) or {}
    limit = limits.get("memory")
    return Memory(
        running_bytes=_size(sight.running.get(component)),
        new_bytes=_size(sight.models.get(component)),
        together=way is not None and way.strategy == "InPlace",
        limit=None if limit is None else str(limit),
    )


def _size(looked: Looked | None) -> int | None:
    return looked.model.size_bytes if isinstance(looked, Known) else None


def _signatures(sight: Sight, component: Component) -> tuple[str, ...] | None:
    running, new = sight.running.get(component), sight.models.get(component)
    if not isinstance(running, Known) or not isinstance(new, Known):
        return None
    if running.signatures is None or new.signatures is None:
        return None
    added = sorted(set(new.signatures) - set(running.signatures))
    return (*differences(running.signatures, new.signatures), *(f"the signature {name} is new" for name in added))


def _said(looked: Looked | None) -> Model | None:
    match looked:
        case None:
            return None
        case Known(model):
            return ModelFacts(
                uri=model.uri,
                name=model.weights,
                version=model.version,
                size_bytes=model.size_bytes,
                width=model.width,
                image_size=model.image_size,
                sd_version=model.sd_version,
            )
        case Unfit(uri):
            return UnknownModel(uri=uri, why="it would be refused")
        case _:
            return UnknownModel(uri=looked.uri, why=looked.why)


def _source_field(sight: Sight, component: Component) -> str:
    asked = sight.body["spec"][component.field]
    return next(source for source in _SOURCES if source in asked)


def _notes(sight: Sight, now: datetime) -> Iterator[str]:
    if sight.live is not None and sight.before is None:
        yield "the pipeline as it is can't be read by this version, so that what changes is told by its fields alone"
    served, namespace = sight.settings.namespaces, sight.after.namespace
    if served and namespace not in served:
        yield f"the operator does not serve the namespace {namespace}, so that nothing would come of it"
    if (why := canary_alone(sight, now)) is not None:
        yield f"{Component.DIFFUSION_MODEL.field}.canary: it gets a replica of its own, since {why}"
    for component, part in sight.wanted.components.items():
        if part.gpus is not None and part.gpus.status == "False":
            yield f"{component.field}: {part.gpus.message}"
