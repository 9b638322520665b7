"""How one node that matches a component stands: how many replicas find their GPUs on it, and what keeps more away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

from sdp_operator.gpus.ask import GpuAsk
from sdp_operator.gpus.drivers import DriverState, driver_state
from sdp_operator.gpus.facts import NodeFacts, Taint
from sdp_operator.gpus.fleet import Member
from sdp_operator.gpus.holders import GpuHolder
from sdp_operator.gpus.placement import CORDONED, repelling


class Lack(IntEnum):
    """What keeps (more) replicas off a node, what is soonest over first."""

    DRIVER_INSTALLING = 1
    BUSY = 2
    UNAVAILABLE = 3
    UNHEALTHY = 4
    DRIVER_FAILED = 5
    DRIVER_MISSING = 6
    TOO_SMALL = 7


_OF_DRIVER: Final = {
    DriverState.INSTALLING: Lack.DRIVER_INSTALLING,
    DriverState.FAILED: Lack.DRIVER_FAILED,
    DriverState.MISSING: Lack.DRIVER_MISSING,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A node's standing.

    Attributes:
        fits: how many replicas it has GPUs for.
        lack: what keeps more away; None if the node simply has no more GPUs.
    """

    fits: int
    lack: Lack | None


def standing(member: Member, ask: GpuAsk, own: Sequence[GpuHolder], now: datetime) -> Standing:
    """Judge a node; `own` are the component's pods that hold its GPUs."""
    node, count = member.node, ask.count
    if member.most_for_one_pod < count:
        return Standing(0, Lack.TOO_SMALL)
    if is_unavailable(node, ask.tolerations):
        # A taint or a cordon takes no GPU from the pods that are there already; a node that is not Ready does.
        stay = 0 if node.not_ready else sum(holder.count >= count for holder in own)
        return Standing(stay, Lack.UNAVAILABLE)
    if not node.gpu_capacity and not node.gpu_allocatable:
        return Standing(0, _OF_DRIVER[driver_state(node, now)])
    free = member.free + sum(holder.count for holder in own)
    fits, healthy = max(free, 0) // count, node.gpu_allocatable // count
    if healthy > fits:
        return Standing(fits, Lack.BUSY)
    return Standing(fits, Lack.UNHEALTHY if node.gpu_capacity // count > healthy else None)


def is_unavailable(node: NodeFacts, tolerations: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the node takes no new replica, whatever its GPUs."""
    if node.not_ready:
        return True
    # The taint of a cordon follows the field a moment later.
    marks = (*node.taints, CORDONED) if node.unschedulable else node.taints
    return bool(marks and repelling(marks, tolerations))


def closing_taint(node: NodeFacts, tolerations: Sequence[Mapping[str, Any]]) -> Taint | None:
    """The first taint that keeps replicas away, other than the cordon's."""
    return next((taint for taint in repelling(node.taints, tolerations) if taint.key != CORDONED.key), None)
