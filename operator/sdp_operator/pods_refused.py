"""Why no pod can be made, and who can mend that."""

from typing import Final

from sdp_operator.objects import KubeObject
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason

_REMEDIES: Final = {
    "service account": "create it, or correct storage.serviceAccountName",
    "no PriorityClass": "create it, or correct priorityClassName",
    "RuntimeClass": "create it, or correct runtimeClassName",
    "must specify": "set resources.requests and resources.limits, all that the quota counts",
    "exceeded quota": "ask for less, or have the namespace's administrator raise the quota",
}
"""What to do, by words of Kubernetes'."""


def pods_refused(deployment: KubeObject | None) -> str | None:
    """Why the Deployment can't make pods, in Kubernetes' words."""
    conditions = [] if deployment is None else deployment.get("status", {}).get("conditions", [])
    return next(
        (one["message"] for one in conditions if one["type"] == "ReplicaFailure" and one["status"] == "True"), None
    )


def refusal_of(pods: str, said: str) -> Problem:
    """That no such pods can be made, for the reason that Kubernetes has said."""
    remedy = next(
        (remedy for words, remedy in _REMEDIES.items() if words in said), "have the namespace's administrator allow it"
    )
    return Problem(Reason.PODS_REFUSED, f"no {pods} can be made ({said}): {remedy}")
