"""The one way from a custom resource to its children and its status.

It remembers nothing between calls: stopped at any line and called again, it ends in the same state.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.cluster import Cluster
from sdp_operator.conditions import invalid_status
from sdp_operator.desired.children import Children, Forbidden, desired
from sdp_operator.desired.identity import child_name
from sdp_operator.drift import is_as_applied, stamped
from sdp_operator.errors import InvalidPipelineError, OperatorError, RefusedError
from sdp_operator.live import LiveChildren, is_owned
from sdp_operator.objects import KubeObject
from sdp_operator.observe import observe
from sdp_operator.pods import Problem
from sdp_operator.reasons import Reason
from sdp_operator.settings import Settings
from sdp_operator.status import summarise, transitions
from sdp_serving.contract.components import Component

LOOK_AGAIN: Final = timedelta(minutes=1)
"""When to try again what was refused for a reason that no watch tells of, such as another's object in the way."""

Clock = Callable[[], datetime]
Wanted = Mapping[Component, Children | Forbidden]

_log = logging.getLogger(__name__)


async def reconcile(body: KubeObject, cluster: Cluster, settings: Settings, clock: Clock) -> timedelta | None:
    """Bring the children of a custom resource to what its spec asks for, and its status to what is there.

    Returns:
        When to look again although no event calls for it; None for never.

    Raises:
        TransientError: when the API server can't be reached.
        RefusedError: when it refuses what every reconcile needs.
    """
    try:
        pipeline = Pipeline.parse(body)
    except InvalidPipelineError as error:
        status = invalid_status(body, str(error), clock())
        if status != body.get("status"):
            await cluster.write_status(body, status)
        return None
    live = await cluster.children(pipeline)
    wanted = desired(pipeline, settings)
    refused = await _apply(pipeline, wanted, live, cluster)
    await _prune(pipeline, wanted, live, cluster)
    await _report(body, pipeline, wanted, live, refused, cluster, clock())
    return LOOK_AGAIN if refused else None


async def _apply(
    pipeline: Pipeline, wanted: Wanted, live: LiveChildren, cluster: Cluster
) -> Mapping[Component, Problem]:
    """Apply what differs; returns what the cluster refuses, while the other components go on."""
    refused: dict[Component, Problem] = {}
    for component, children in wanted.items():
        if isinstance(children, Forbidden):
            continue
        try:
            await _apply_child(stamped(children.service), live.services, pipeline, cluster)
            await _apply_child(stamped(children.deployment), live.deployments, pipeline, cluster)
        except _NameTakenError as error:
            refused[component] = Problem(Reason.NAME_TAKEN, str(error))
        except RefusedError as error:
            refused[component] = Problem(Reason.REFUSED, f"the API server refuses: {error}; correct the component")
    return refused


async def _apply_child(
    wanted: KubeObject, live: Mapping[str, KubeObject], pipeline: Pipeline, cluster: Cluster
) -> None:
    name = wanted["metadata"]["name"]
    child = live.get(name)
    if child is not None and is_as_applied(child, wanted):
        return
    if child is None:
        stranger = await cluster.find(wanted)
        if stranger is not None and not is_owned(stranger, pipeline):
            raise _NameTakenError(
                f"the {wanted['kind']} {name} is there already and belongs to somebody else:"
                " delete it, or give the pipeline another name"
            )
    await cluster.apply(wanted)
    _log.info("%s: applied %s %s", pipeline, wanted["kind"], name)


async def _prune(pipeline: Pipeline, wanted: Wanted, live: LiveChildren, cluster: Cluster) -> None:
    kept = {child_name(pipeline, component) for component in wanted}
    for child in (*live.deployments.values(), *live.services.values()):
        if child["metadata"]["name"] not in kept and "deletionTimestamp" not in child["metadata"]:
            await cluster.delete(child)
            _log.info("%s: deleted %s %s", pipeline, child["kind"], child["metadata"]["name"])


async def _report(
    body: KubeObject,
    pipeline: Pipeline,
    wanted: Wanted,
    live: LiveChildren,
    refused: Mapping[Component, Problem],
    cluster: Cluster,
    now: datetime,
) -> None:
    status = summarise(pipeline, observe(pipeline, wanted, live, refused), now)
    if status.dump() == body.get("status"):
        return
    await cluster.write_status(body, status.dump())
    for condition in transitions(pipeline.status, status):
        _log.info(
            "%s: %s is %s (%s): %s",
            pipeline,
            condition.type,
            condition.status,
            condition.reason,
            condition.message,
        )
        try:
            await cluster.record(body, condition, now)
        except OperatorError as error:
            _log.warning("%s: an Event could not be recorded: %s", pipeline, error)


class _NameTakenError(RefusedError):
    """Somebody else's object has the child's name."""
