"""What counts as a model's fault: what a pod and its puller tell of it that would not be without this model.

That no node takes a pod, that its image can't be pulled or a volume can't be mounted is nobody's fault here: such a
pod says nothing of its model.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sdp_operator.desired import model_server, puller
from sdp_operator.objects import KubeObject
from sdp_operator.pods import crashed, last_end, not_started, out_of_memory, pull_failed, pull_report, statuses
from sdp_serving.contract.report import NotPulled
from sdp_serving.contract.swap import ModelNumber, ReplicaReport

_LOST: Final = frozenset({"ContainerStatusUnknown", "Unknown"})
"""The kubelet's reasons for the end of a container that went with its node: it was away, or started again."""


@dataclass(frozen=True)
class Fault:
    """Something that speaks against the model that a pod is to serve.

    Attributes:
        reason: what, in one word.
        message: what, in a sentence.
        may_pass: whether it may end by itself, or by what somebody mends outside of the model.
        at: when it happened; None for what goes on.
    """

    reason: str
    message: str
    may_pass: bool
    at: datetime | None = None


def pod_fault(pod: KubeObject) -> Fault | None:
    """What the pod's status tells against its model."""
    server = statuses(pod, "containerStatuses").get(model_server.CONTAINER)
    if server is not None and (ended := last_end(server)) is not None and ended.get("reason") not in _LOST:
        problem = out_of_memory(server, pod) or crashed(server)
        assert problem is not None, "it has ended"
        return Fault(problem.reason, problem.message, may_pass=False, at=_time(ended.get("finishedAt")))
    if server is not None and (kept := out_of_memory(server, pod) or not_started(server)) is not None:
        return Fault(kept.reason, kept.message, may_pass=True)
    pulling = statuses(pod, "initContainerStatuses").get(puller.CONTAINER)
    if pulling is None or (failed := pull_failed(pulling)) is None:
        return None
    said, ended = pull_report(pulling), last_end(pulling) or {}
    may_pass = not isinstance(said, NotPulled) or said.reason.may_pass
    return Fault(failed.reason, failed.message, may_pass, at=_time(ended.get("finishedAt")))


def reported_fault(report: ReplicaReport, serving: ModelNumber) -> Fault | None:
    """What the pod's puller tells against the model that is to serve; it may not have heard of it yet."""
    if report.trouble is None or report.serving not in (None, serving):
        return None
    return Fault(report.trouble.reason, report.trouble.message, may_pass=report.trouble.reason.may_pass)


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
