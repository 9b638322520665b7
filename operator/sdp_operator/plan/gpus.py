"""The GPUs that a change takes, and those that are free for it."""

from collections.abc import Mapping
from typing import Any

from sdp_operator.gpus.ask import REQUIRED
from sdp_operator.gpus.fleet import Fleet
from sdp_operator.gpus.placement import admits, selects
from sdp_operator.gpus.sentences import counted
from sdp_operator.gpus.standing import is_unavailable
from sdp_operator.objects import KubeObject
from sdp_operator.plan.result import Gpus


def gpus(deployment: KubeObject, fleet: Fleet | None, *, per_replica: int, held: int, needed: int) -> Gpus:
    """What is to be said of a component's GPUs.

    Args:
        deployment: the component's, whose pods say where they may run.
        fleet: the nodes and their GPUs; None where they may not be seen.
        per_replica: GPUs of one replica.
        held: those of the pods that run now.
        needed: how many more the change takes, be it for a while.
    """
    free = None if fleet is None else free_gpus(fleet, deployment["spec"]["template"]["spec"])
    return Gpus(
        per_replica=per_replica, held=held, needed=needed, free=free, message=_message(per_replica, needed, free)
    )


def free_gpus(fleet: Fleet, pod: Mapping[str, Any]) -> int:
    """The healthy GPUs that no pod holds, on the nodes that this one may run on."""
    required = ((pod.get("affinity") or {}).get("nodeAffinity") or {}).get(REQUIRED)
    terms = None if required is None else required.get("nodeSelectorTerms") or ()
    return sum(
        max(member.free, 0)
        for member in fleet.members
        if selects(pod.get("nodeSelector") or {}, member.node.labels)
        and admits(terms, member.node)
        and not is_unavailable(member.node, pod.get("tolerations") or ())
    )


def _message(per_replica: int, needed: int, free: int | None) -> str:
    if not needed:
        return f"no more than now ({per_replica} per replica)"
    more = f"{counted(needed, 'GPU')} more"
    if free is None:
        return f"{more}; how many are free can't be seen with your rights"
    if free >= needed:
        return f"{more}; {free} free on nodes that match"
    return f"{more}, and {free} free on nodes that match: new pods wait until there are enough"
