"""The one way from a custom resource to its children and its status.

It remembers nothing between calls: stopped at any line and called again, it ends in the same state.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sdp_operator.api.v1alpha1 import Pipeline, PipelineStatus
from sdp_operator.by_hand import added_by_hand
from sdp_operator.cluster import Cluster
from sdp_operator.conditions import AUTOSCALING_READY, invalid_status
from sdp_operator.desired.children import desired
from sdp_operator.desired.identity import GATEWAY
from sdp_operator.desired.parts import Desired, Part
from sdp_operator.desired.telling import TOLD
from sdp_operator.drift import is_as_applied, stamped, surplus
from sdp_operator.errors import ForbiddenError, InvalidPipelineError, OperatorError, RefusedError, TransientError
from sdp_operator.gateway_status import gateway_verdict
from sdp_operator.live import LiveChildren, is_orphan_of, is_owned, object_key
from sdp_operator.notices import notices
from sdp_operator.objects import KubeObject
from sdp_operator.observe import observe
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.replica_reports import ask
from sdp_operator.settings import Settings
from sdp_operator.sharing import references, users_of
from sdp_operator.status import summarise
from sdp_operator.swap.look import to_ask
from sdp_operator.world import World

LOOK_AGAIN: Final = timedelta(seconds=20)
"""When to try again what was refused for a reason that no watch tells of, such as another's object in the way."""

Clock = Callable[[], datetime]

_log = logging.getLogger(__name__)


async def reconcile(body: KubeObject, cluster: Cluster, settings: Settings, clock: Clock) -> timedelta | None:
    """Bring the children of a custom resource to what its spec asks for, and its status to what is there.

    Returns:
        When to look again although no event calls for it; None for never.

    Raises:
        TransientError: when the API server can't be reached, or fails; the status tells of it where it can be written.
        RefusedError: when it refuses what every reconcile needs.
    """
    try:
        pipeline = Pipeline.parse(body)
    except InvalidPipelineError as error:
        now = clock()
        await _write_status(body, invalid_status(body, str(error), now), cluster, now)
        return None
    world = _look(body, pipeline, cluster)
    world = replace(world, reports=await ask(to_ask(pipeline, world.live)))
    wanted = desired(pipeline, world, settings, clock())
    outcome = _Outcome()
    if _differs(wanted, world.live):
        try:
            if not await cluster.is_current(pipeline):
                return LOOK_AGAIN  # Long before that, news of what it is now will call.
            outcome = await _apply(pipeline, wanted, world.live, cluster)
            outcome = replace(outcome, failure=await _prune(wanted, world.live, cluster) or outcome.failure)
        except RefusedError as error:
            _log.warning("hindered: %s", error)
            world = replace(world, hindrance=_refusal(error))
    status = await _report(body, pipeline, wanted, world, outcome.problems, cluster, settings, clock())
    if outcome.failure is not None:
        raise outcome.failure
    return _again(wanted, outcome.problems, world, status)


@dataclass(frozen=True)
class _Outcome:
    """What came of applying.

    Attributes:
        problems: what kept parts from being applied.
        failure: of the failures that pass, one that is to be raised once the status is written.
    """

    problems: Mapping[str, Problem] = field(default_factory=dict)
    failure: TransientError | None = None


def _look(body: KubeObject, pipeline: Pipeline, cluster: Cluster) -> World:
    named = references(body["spec"], pipeline.namespace)
    return World(
        live=cluster.children(pipeline),
        fleet=cluster.fleet,
        owners={component: cluster.pipeline(owner) for component, owner in named.items()},
        used_by=users_of(pipeline, cluster.users(pipeline.key)),
        unknown_kinds=cluster.unknown_kinds,
        hindrance=cluster.hindrance(pipeline.namespace),
    )


def _differs(wanted: Desired, live: LiveChildren) -> bool:
    """Whether anything is to be applied or deleted."""
    return (
        any(_is_due(child, live) for part in wanted.parts.values() for child in part.children)
        or any(part.to_tell for part in wanted.parts.values())
        or any(_superfluous(wanted, live))
    )


def _is_due(child: KubeObject, live: LiveChildren) -> bool:
    there = live.objects.get(object_key(child))
    if there is not None and child["kind"] == "Job":
        return False  # It can't be changed; what may change of it is in its name.
    return there is None or not is_as_applied(there, stamped(child)) or bool(added_by_hand(there, child))


async def _apply(pipeline: Pipeline, wanted: Desired, live: LiveChildren, cluster: Cluster) -> _Outcome:
    """Apply what differs; what the cluster refuses of a part, or fails to do, holds up no other part."""
    parts = wanted.parts
    # All of them to their end, also when one fails: none may go on behind the back of the next reconcile.
    outcomes = await asyncio.gather(
        *(_apply_part(pipeline, part, live, cluster) for part in parts.values()), return_exceptions=True
    )
    problems = {}
    failure = None
    for name, outcome in zip(parts, outcomes, strict=True):
        if isinstance(outcome, TransientError):
            problems[name] = Problem(Reason.API_FAILING, f"{outcome}; it is being tried again")
            failure = failure or outcome
        elif isinstance(outcome, BaseException):
            raise outcome
        elif outcome is not None:
            problems[name] = outcome
    return _Outcome(problems, failure)


async def _apply_part(pipeline: Pipeline, part: Part, live: LiveChildren, cluster: Cluster) -> Problem | None:
    try:
        for child in part.children:
            if _is_due(child, live):
                await _apply_child(pipeline, child, live, cluster)
        await _tell_pods(part, live, cluster)
    except _NameTakenError as error:
        return Problem(Reason.NAME_TAKEN, str(error))
    except RefusedError as error:
        return Problem(Reason.REFUSED, _refusal(error))
    return None


async def _tell_pods(part: Part, live: LiveChildren, cluster: Cluster) -> None:
    """Have pods look at once at what is desired of them; without that they do so within a minute or two."""
    for name, digest in part.to_tell.items():
        try:
            await cluster.annotate(live.pods[name], TOLD, digest)
        except OperatorError as error:
            _log.warning("the pod %s could not be told of what is desired: %s", name, error)


def _refusal(error: RefusedError) -> str:
    if isinstance(error, ForbiddenError):
        remedy = (
            "have the cluster's administrator restore the operator's role, or lift the quota or policy that forbids it"
        )
        return f"the API server forbids: {error}; {remedy}"
    return f"the API server refuses: {error}; correct the component"


async def _apply_child(pipeline: Pipeline, child: KubeObject, live: LiveChildren, cluster: Cluster) -> None:
    kind, name = object_key(child)
    if (kind, name) not in live.objects:
        stranger = await cluster.find(child)
        if stranger is not None and not (is_owned(stranger, pipeline) or is_orphan_of(stranger, pipeline)):
            raise _NameTakenError(
                f"the {kind} {name} is there already and belongs to somebody else:"
                " delete it, or give the pipeline another name"
            )
    applied = await cluster.apply(stamped(child))
    _log.info("applied %s %s", kind, name)
    if added := [*surplus(applied, child), *added_by_hand(applied, child)]:
        await cluster.remove(applied, added)
        _log.info("removed what was added by hand to %s %s: %s", kind, name, ", ".join(added))


async def _prune(wanted: Desired, live: LiveChildren, cluster: Cluster) -> TransientError | None:
    """Delete what is no longer wanted; gives the last failure that passes, if there was one."""
    failure = None
    for child in _superfluous(wanted, live):
        try:
            await cluster.delete(child)
            _log.info("deleted %s %s", *object_key(child))
        except TransientError as error:
            failure = error
    return failure


def _superfluous(wanted: Desired, live: LiveChildren) -> list[KubeObject]:
    kept = {object_key(child) for part in wanted.parts.values() for child in (*part.children, *part.withheld)}
    return [
        child for key, child in live.objects.items() if key not in kept and "deletionTimestamp" not in child["metadata"]
    ]


async def _report(
    body: KubeObject,
    pipeline: Pipeline,
    wanted: Desired,
    world: World,
    refused: Mapping[str, Problem],
    cluster: Cluster,
    settings: Settings,
    now: datetime,
) -> PipelineStatus:
    observed = observe(pipeline, wanted, world, refused, settings.accelerator_label)
    gateway = None
    if wanted.gateway is not None and pipeline.spec.gateway is not None:
        gateway = gateway_verdict(pipeline, pipeline.spec.gateway, wanted.gateway, world.live, refused.get(GATEWAY))
    status = summarise(pipeline, observed, gateway, world, now)
    await _write_status(body, status.dump(), cluster, now)
    return status


async def _write_status(body: KubeObject, status: Mapping[str, Any], cluster: Cluster, now: datetime) -> None:
    previous = body.get("status", {})
    if status == previous:
        return
    await cluster.write_status(body, status)
    for notice in notices(previous, status):
        _log.info("%s", notice)
        try:
            await cluster.record(body, notice, now)
        except OperatorError as error:
            _log.warning("an Event could not be recorded: %s", error)


def _again(wanted: Desired, refused: Mapping[str, Problem], world: World, status: PipelineStatus) -> timedelta | None:
    canaries = [part.beside for part in wanted.components.values() if part.beside is not None]
    verdicts = [part.gpus for part in (*wanted.components.values(), *canaries)]
    waits = [gpus.recheck_after for gpus in verdicts if gpus is not None]
    waits += [part.look_again for part in wanted.components.values()]
    if refused or world.hindrance is not None or _waits_for_metrics(status):
        waits.append(LOOK_AGAIN)
    return min((wait for wait in waits if wait is not None), default=None)


def _waits_for_metrics(status: PipelineStatus) -> bool:
    """Whether an autoscaler's silence becomes a failure by the passing of time alone."""
    return any(one.type == AUTOSCALING_READY and one.status == "Unknown" for one in status.conditions)


class _NameTakenError(RefusedError):
    """Somebody else's object has the child's name."""
