"""The status of a pipeline: a pure function of what is asked for and what was observed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sdp_operator.api.v1alpha1 import (
    CanaryStatus,
    ComponentSpec,
    ComponentStatus,
    Condition,
    Pipeline,
    PipelineStatus,
    Serving,
    SwapStatus,
)
from sdp_operator.autoscaler_status import autoscaler_verdict
from sdp_operator.conditions import (
    AUTOSCALING_READY,
    EXPORTED,
    GATEWAY_READY,
    GPUS_READY,
    MODELS_READY,
    MONITORING_READY,
    READY,
    ROLLED_BACK,
    STALLED,
    Verdict,
    component_condition,
    condition,
)
from sdp_operator.desired.gateway.url import gateway_url
from sdp_operator.desired.identity import GATEWAY, child_name
from sdp_operator.desired.server import server
from sdp_operator.exports.state import Done, ExportReason
from sdp_operator.gpu_check import driver_check
from sdp_operator.gpus.verdict import GpuReason
from sdp_operator.history import swaps
from sdp_operator.observe import Observed
from sdp_operator.pods_refused import refusal_of
from sdp_operator.problem import Problem
from sdp_operator.reasons import IN_PROGRESS, Reason
from sdp_operator.sharing import Shared, Unshared
from sdp_operator.swap.agreement import disagreement
from sdp_operator.swap.canary import CanaryProgress, told_by_pods
from sdp_operator.swap.progress import Progress
from sdp_operator.world import World
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure

_Part = TypeVar("_Part")

_QUIET: Final = frozenset({MODELS_READY, STALLED})
"""Conditions that say what others say too."""

_ON_THE_WAY: Final = frozenset(
    {Reason.STARTING, Reason.PULLING, Reason.LOADING, Reason.SWAPPING, ExportReason.STARTING, ExportReason.RUNNING}
)
"""The steps to a condition that holds. They follow one another in seconds, so that going on to one is no news."""

_BLIP: Final = timedelta(seconds=5)
"""A failure of the API server that ends sooner, by the next try or two, is no news, and neither is its end."""

_MAY_YET_COME: Final = frozenset({GpuReason.NO_MATCHING_NODE, GpuReason.TOO_FEW_NODES})
"""A node pool that scales up may end these by itself; whether there is one can't be known."""


def summarise(
    pipeline: Pipeline,
    observed: Mapping[Component, Observed],
    gateway: Verdict | None,
    world: World,
    now: datetime,
) -> PipelineStatus:
    """What is to be said of the pipeline at `now`.

    Ready tells whether what is asked for is served. A swap that fails makes it False, while the previous model serves
    on and the message says so.
    """
    specs = pipeline.spec.components
    verdicts = {component: _verdict(observed[component]) for component in specs}
    ready = _ready(verdicts, observed, gateway, world)
    where_asked_for = {
        GPUS_READY: _gpus(pipeline, observed, world),
        EXPORTED: _exported(observed),
        GATEWAY_READY: gateway,
        ROLLED_BACK: _rolled_back(specs, observed),
        AUTOSCALING_READY: _autoscaling(pipeline, verdicts, world, now),
        MONITORING_READY: _monitoring(pipeline, world),
    }
    named = {
        READY: ready,
        MODELS_READY: _models(verdicts),
        **{component_condition(component): verdict for component, verdict in verdicts.items()},
        **{kind: verdict for kind, verdict in where_asked_for.items() if verdict is not None},
        STALLED: _stalled(ready),
    }
    components = {
        component: _component(pipeline, component, spec, observed[component]) for component, spec in specs.items()
    }
    said = {component: (status, verdicts[component]) for component, status in components.items()}
    return PipelineStatus.model_validate(
        {
            "observed_generation": pipeline.generation,
            "conditions": [condition(kind, verdict, pipeline, now) for kind, verdict in named.items()],
            "gpus": sum(one.gpu_replicas * specs[component].gpus_per_replica for component, one in observed.items()),
            "url": _url(pipeline, gateway),
            **{component.field: status for component, status in components.items()},
            "swaps": swaps(pipeline.status, said, now),
            "used_by": world.used_by,
        }
    )


def transitions(previous: Mapping[str, Any], current: Mapping[str, Any]) -> Sequence[Condition]:
    """The conditions that are worth an Event: those with another status or reason, and nothing that is said twice.

    Ready says of which component it speaks and what that lacks, so that the component's own condition, or GPUsReady, in
    the same words adds nothing. RolledBack says all that Ready does, and what to do.
    """
    before = {one["type"]: one for one in previous.get("conditions", [])}
    now = [Condition.model_validate(one) for one in current["conditions"]]
    news = [one for one in now if one.type not in _QUIET and _is_news(one, before.get(one.type))]
    if (back := next((one for one in news if one.type == ROLLED_BACK), None)) is not None:
        news = [one for one in news if one is back or one.reason != back.reason]
    ready = next((one for one in news if one.type == READY), None)
    return [one for one in news if one is ready or ready is None or not _is_said_by(ready, one)]


def _is_news(condition: Condition, before: Mapping[str, Any] | None) -> bool:
    if condition.reason == Reason.API_FAILING:
        return False
    if before is None:
        return condition.type == READY or condition.reason not in _ON_THE_WAY
    if before["status"] != condition.status:
        began = datetime.fromisoformat(before["lastTransitionTime"])
        return before["reason"] != Reason.API_FAILING or condition.last_transition_time - began > _BLIP
    return before["reason"] != condition.reason and condition.reason not in _ON_THE_WAY


def _is_said_by(ready: Condition, condition: Condition) -> bool:
    subject = f"{condition.type[0].lower()}{condition.type[1:].removesuffix(READY)}"
    return ready.reason == condition.reason and ready.message.startswith(
        (condition.message, f"{subject}: {condition.message}")
    )


def _verdict(observed: Observed) -> Verdict:
    if observed.shared is not None:
        return _shared(observed.shared)
    if observed.refused is not None:
        return _not_ready(observed.refused, observed)
    if observed.wanted_replicas == 0:
        return Verdict("False", Reason.SCALED_TO_ZERO, "replicas is 0: raise it to serve the model")
    if observed.progress is not None and observed.progress.problem is not None:
        return _not_ready(observed.progress.problem, observed)
    if observed.ready >= observed.wanted_replicas:
        return Verdict("True", Reason.SERVING, f"{_name(observed.serving)} is served by {_replicas(observed)}")
    return _not_ready(_main_problem(observed), observed)


def _shared(shared: Shared | Unshared) -> Verdict:
    if (problem := shared.problem) is not None:
        return Verdict("False", problem.reason, problem.message)
    assert isinstance(shared, Shared), "what is not shared has its problem"
    return Verdict("True", Reason.SERVING, f"{shared.message} of the pipeline {shared.owner}")


def _main_problem(observed: Observed) -> Problem:
    """The problem to tell of: one that lasts, before one that passes by itself."""
    problems = [replica.problem for replica in observed.current if replica.problem is not None]
    lasting = [problem for problem in problems if problem.reason not in IN_PROGRESS]
    kept = next((problem for problem in lasting if problem.reason != Reason.UNSCHEDULABLE), None)
    if kept is not None:
        return kept
    if observed.pods_refused is not None:
        return refusal_of("pod", observed.pods_refused)
    if observed.gpus is not None and observed.gpus.status != "True" and observed.placed < observed.wanted_replicas:
        # The scheduler, once it has looked, counts nodes; the check knows what they lack.
        return Problem(observed.gpus.reason, observed.gpus.message)
    if lasting:
        return _no_room_to_swap(observed, lasting[0]) or lasting[0]
    if problems:
        return Problem(problems[0].reason, f"{problems[0].message} ({_replicas(observed)} ready)")
    if observed.wanted_replicas == 1:
        return Problem(Reason.STARTING, "the replica is being started")
    return Problem(Reason.STARTING, f"replicas are being started ({_replicas(observed)} ready)")


def _no_room_to_swap(observed: Observed, problem: Problem) -> Problem | None:
    """Whether it is the running replica that holds the GPU which its successor waits for."""
    runs = any(replica.node is not None and replica.revision != observed.revision for replica in observed.replicas)
    if not runs or observed.gpus is None or "nvidia.com/gpu" not in problem.message:
        return None
    return Problem(
        problem.reason,
        "no GPU is free for the new replica beside the running one: add a node with a GPU, or set swap.strategy to"
        " Drain, which stops the running one first",
    )


def _not_ready(problem: Problem, observed: Observed) -> Verdict:
    still = f"; meanwhile {_name(observed.serving)} is served" if observed.serving is not None else ""
    return Verdict("False", problem.reason, f"{problem.message}{still}")


def _ready(
    verdicts: Mapping[Component, Verdict],
    observed: Mapping[Component, Observed],
    gateway: Verdict | None,
    world: World,
) -> Verdict:
    if world.hindrance is not None:
        return Verdict("Unknown", Reason.HINDERED, world.hindrance)
    parts = {component.field: verdict for component, verdict in verdicts.items()}
    unready = _main_unready(parts if gateway is None else {**parts, GATEWAY: gateway})
    if unready is not None:
        part, verdict = unready
        return Verdict("False", verdict.reason, f"{part}: {verdict.message}")
    if (misfit := _misfit(observed)) is not None:
        return Verdict("False", PullFailure.WRONG_STABLE_DIFFUSION, misfit)
    return Verdict("True", Reason.ALL_SERVING, _list_serving(verdicts))


def _misfit(observed: Mapping[Component, Observed]) -> str | None:
    """Which of the models that serve do not fit together, and what to do."""
    found = {component: one.models.serving.found for component, one in observed.items() if one.models is not None}
    misfits = (disagreement(component, model, found) for component, model in found.items() if model is not None)
    return next((misfit for misfit in misfits if misfit is not None), None)


def _rolled_back(specs: Mapping[Component, ComponentSpec], observed: Mapping[Component, Observed]) -> Verdict | None:
    """Which model was found bad, so that the one before serves; None where none was."""
    for component, one in observed.items():
        rejected = None if one.models is None else one.models.rejected
        if one.models is None or rejected is None:
            continue
        spec = specs[component]
        bad = f"{component.field}: {rejected.source} was found bad ({rejected.message.rstrip('.')}): correct"
        if one.rejects_canary:
            message = f"{bad} {component.field}.canary, or remove it; what is asked for as model serves"
            return Verdict("True", rejected.reason, message)
        source = next(field for field in ("model", "weights", "image") if getattr(spec, field) is not None)
        before = "what it was" if source == "weights" else one.models.serving.source
        remedy = f"{component.field}.{source}, or set it back to {before}, which serves"
        return Verdict("True", rejected.reason, f"{bad} {remedy}")
    return None


def _models(verdicts: Mapping[Component, Verdict]) -> Verdict:
    """Which components serve. Why one does not is said by Ready and by its own condition."""
    unready = _main_unready(verdicts)
    if unready is None:
        return Verdict("True", Reason.ALL_SERVING, _list_serving(verdicts))
    lacking = [component for component, verdict in verdicts.items() if not verdict.holds]
    others = [component for component in verdicts if component not in lacking]
    rest = f"; {_list_serving(others)}" if others else ""
    message = f"{_list(lacking)} {'does' if len(lacking) == 1 else 'do'} not serve what is asked for{rest}"
    return Verdict("False", unready[1].reason, message)


def _main_unready(verdicts: Mapping[_Part, Verdict]) -> tuple[_Part, Verdict] | None:
    """The part to tell of: one whose problem lasts, before one that is on its way."""
    unready = [(part, verdict) for part, verdict in verdicts.items() if not verdict.holds]
    lasting = [(part, verdict) for part, verdict in unready if verdict.reason not in IN_PROGRESS]
    return next(iter(lasting or unready), None)


def _gpus(pipeline: Pipeline, observed: Mapping[Component, Observed], world: World) -> Verdict | None:
    """The worst that is to be said of the components' GPUs; None where none is looked at."""
    asked = [
        component
        for component, spec in pipeline.spec.components.items()
        if spec.gpus_per_replica and driver_check(pipeline, spec) != "Off"
    ]
    if asked and world.fleet is None:
        message = "the operator may not see nodes: have its administrator allow it, or set driverCheck to Off"
        return Verdict("Unknown", Reason.NODES_HIDDEN, message)
    verdicts = {component: one.gpus for component, one in observed.items() if one.gpus is not None}
    return _worst({component: Verdict(one.status, one.reason, one.message) for component, one in verdicts.items()})


def _exported(observed: Mapping[Component, Observed]) -> Verdict | None:
    """Whether all weights have been exported; None where there are none."""
    exports = {component: one.export for component, one in observed.items() if one.export is not None}
    return _worst(
        {
            component: Verdict("True" if isinstance(export, Done) else "False", export.reason, export.message)
            for component, export in exports.items()
        }
    )


def _autoscaling(
    pipeline: Pipeline, verdicts: Mapping[Component, Verdict], world: World, now: datetime
) -> Verdict | None:
    """Whether all autoscalers do their work; None where there are none. A model is served without, so Ready holds."""
    found = {}
    for component, spec in pipeline.spec.components.items():
        if spec.autoscaling is None:
            continue
        about = condition(component_condition(component), verdicts[component], pipeline, now)
        since = about.last_transition_time if about.status == "True" else None
        autoscaler = world.live.objects.get(("HorizontalPodAutoscaler", child_name(pipeline, component)))
        found[component] = autoscaler_verdict(spec.autoscaling, autoscaler, since, now)
    return _worst(found)


def _monitoring(pipeline: Pipeline, world: World) -> Verdict | None:
    """Whether Prometheus is led to the metrics; None where that is not asked for."""
    if pipeline.spec.monitoring is None or pipeline.spec.monitoring.pod_monitor is None:
        return None
    if "PodMonitor" in world.unknown_kinds:
        message = "monitoring.podMonitor needs the Prometheus operator, which the cluster lacks: install it, or remove"
        return Verdict("False", Reason.KIND_UNKNOWN, f"{message} monitoring.podMonitor")
    return Verdict("True", Reason.MONITORED, "PodMonitors lead to the metrics of each component and of the gateway")


def _worst(verdicts: Mapping[Component, Verdict]) -> Verdict | None:
    """The first of the worst of them, said of its component."""
    for status in ("False", "Unknown", "True"):
        for component, verdict in verdicts.items():
            if verdict.status == status:
                return replace(verdict, message=f"{component.field}: {verdict.message}")
    return None


def _stalled(ready: Verdict) -> Verdict:
    """Whether nothing moves until somebody acts; Unknown where the cluster may yet grow."""
    if ready.holds or ready.reason in IN_PROGRESS:
        return Verdict("False", Reason.PROGRESSING, "nothing stands still")
    if ready.reason in _MAY_YET_COME:
        return Verdict("Unknown", ready.reason, "a node pool that scales up may bring what Ready says is missing")
    return Verdict("True", ready.reason, "nothing moves until somebody does what Ready says")


def _url(pipeline: Pipeline, gateway: Verdict | None) -> str | None:
    """Where the gateway is reached; None without one, and where nothing can lead to its host."""
    spec = pipeline.spec.gateway
    if spec is None or gateway is None or gateway.reason == Reason.KIND_UNKNOWN:
        return None
    return gateway_url(pipeline, spec)


def _component(pipeline: Pipeline, component: Component, spec: ComponentSpec, observed: Observed) -> ComponentStatus:
    if isinstance(observed.shared, Shared) and observed.shared.status is not None:
        return observed.shared.status.model_copy(update={"model": spec.source})
    return ComponentStatus(
        model=spec.source,
        serving=observed.serving,
        replicas=observed.wanted_replicas,
        ready_replicas=_ready_replicas(observed),
        endpoints=server(pipeline, component, observed.shared),
        nodes=tuple(observed.nodes),
        accelerators=tuple(observed.accelerators),
        swap=None if observed.progress is None else _swap(observed.progress),
        canary=None if observed.canary is None else _canary(observed.canary, observed.beside),
    )


def _ready_replicas(observed: Observed) -> int:
    """How many replicas serve what is asked for."""
    return 0 if observed.progress is not None and observed.progress.problem is not None else observed.ready


def _swap(progress: Progress) -> SwapStatus:
    return SwapStatus(
        strategy=progress.choice.strategy if progress.choice is not None else None,
        reason=progress.choice.reason if progress.choice is not None else None,
        step=progress.step,
        candidate=progress.candidate,
    )


def _canary(canary: CanaryProgress, beside: Observed | None) -> CanaryStatus:
    if beside is not None and canary.served is None and canary.problem is None:
        verdict = _verdict(beside)
        canary = told_by_pods(canary, Problem(verdict.reason, verdict.message))
    problem, served = canary.problem, canary.served
    alone = None if canary.alone is None else f"it has a replica of its own, since {canary.alone}"
    return CanaryStatus(
        model=canary.asked.model,
        percent=canary.asked.percent,
        state=canary.state,
        reason=None if problem is None else problem.reason,
        message=alone if problem is None else problem.message,
        host=None if served is None else served.host,
        version=None if served is None else served.version,
    )


def _replicas(observed: Observed) -> str:
    return f"{observed.ready} of {observed.wanted_replicas} replicas"


def _name(serving: Serving | None) -> str:
    if serving is None:
        return "the model"
    return serving.name if serving.version is None else f"{serving.name} (version {serving.version})"


def _list_serving(components: Collection[Component]) -> str:
    return f"{_list(components)} {'serves' if len(components) == 1 else 'serve'}"


def _list(components: Iterable[Component]) -> str:
    *head, last = (component.field for component in components)
    return f"{', '.join(head)} and {last}" if head else last
