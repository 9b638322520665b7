"""What became of an export, from its Job and the Job's pods."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from sdp_operator.desired.export_job import CONTAINER, USER_MUST_ACT
from sdp_operator.exports.state import Done, Export, ExportReason, Failed, Running, Waiting
from sdp_operator.objects import KubeObject
from sdp_operator.pods import CONTAINER_REASONS, IMAGE_REASONS, pull_error
from sdp_operator.reasons import Reason
from sdp_serving.contract.artifact import ModelUri

_LAST_LINES: Final = 3
_QUOTED_CHARACTERS: Final = 400
_OF_AN_ARGUMENT: Final = re.compile(r"^Invalid value for [^:]+: ")
"""The exporter speaks of its command line, which the user has not written."""
_NO_WORDS: Final[Mapping[str, str]] = MappingProxyType({})


def read_export(
    uri: ModelUri, job: KubeObject | None, pods: Iterable[KubeObject], words: Mapping[str, str] = _NO_WORDS
) -> Export:
    """What became of an export.

    Args:
        uri: where the model will be, as `exported_uri` says.
        job: the live Job; None while it is not there.
        pods: of any kind; those of other owners are left out.
        words: what an Event said last of trouble with a pod, after the Event's reason, by the pod's name.
    """
    if job is None:
        return Waiting(ExportReason.STARTING, "the Job that exports the weights is being made")
    own = [pod for pod in pods if _is_of(pod, job)]
    conditions = {one["type"] for one in job.get("status", {}).get("conditions", []) if one["status"] == "True"}
    if "Complete" in conditions:
        return Done(uri)
    if conditions & {"Failed", "FailureTarget"}:
        return _failed(job, own)
    return _under_way(job, own, words)


def _is_of(pod: KubeObject, job: KubeObject) -> bool:
    owners = pod["metadata"].get("ownerReferences", [])
    return any(owner["uid"] == job["metadata"]["uid"] and owner.get("controller") for owner in owners)


def _under_way(job: KubeObject, pods: Sequence[KubeObject], words: Mapping[str, str]) -> Waiting | Running | Failed:
    attempts = job["spec"].get("backoffLimit", 0) + 1
    failures = _failures(job, pods)
    attempt = min(failures + 1, attempts)
    end = _last_end(pods)
    if failures >= attempts or (end is not None and end.code == USER_MUST_ACT):
        return _failed(job, pods)  # as the Job will say in a moment
    active = next((pod for pod in pods if _phase(pod) in {"Pending", "Running"}), None)
    if active is not None:
        kept = _kept(active, words) if _phase(active) == "Pending" else None
        return kept or Running(attempt, attempts, before=None if end is None else end.cause)
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    if end is not None and end.code != 0:
        message = f"attempt {failures or 1} of {attempts} failed: {end.cause}; the next starts after a pause"
        return Waiting(ExportReason.RETRYING, message)
    return Waiting(
        ExportReason.STARTING,
        "the pod that exports the weights is being made; if that lasts, see"
        f" `kubectl describe job {name} -n {namespace}`",
    )


def _kept(pod: KubeObject, words: Mapping[str, str]) -> Waiting | None:
    """What keeps a pod from starting; None when it is merely starting."""
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            message = f"no node can take the exporter ({_quote(condition.get('message', ''))})"
            remedy = "add a node, or change export.resources, export.nodeSelector or export.tolerations"
            return Waiting(Reason.UNSCHEDULABLE, f"{message}: {remedy}")
    waiting = _status(pod).get("state", {}).get("waiting", {})
    reason = waiting.get("reason", "")
    said = _quote(pull_error(waiting.get("message", ""))) or reason
    if reason in IMAGE_REASONS:
        image = _status(pod).get("image") or "of the exporter"
        message = f"the image {image} can't be pulled ({said}): correct export.image, or give the nodes access"
        return Waiting(Reason.IMAGE_UNAVAILABLE, message)
    if reason in CONTAINER_REASONS:
        return Waiting(
            Reason.CONTAINER_REFUSED, f"the exporter's container can't be started ({said}): correct spec.export"
        )
    trouble = words.get(pod["metadata"]["name"], "")
    if trouble.startswith(("FailedMount", "FailedAttachVolume")):
        message = f"a volume of the exporter can't be mounted ({_quote(trouble)}): correct what it names"
        return Waiting(Reason.VOLUME_UNAVAILABLE, message)
    if trouble.startswith("FailedCreatePodSandBox"):
        message = f"the node can't set up the exporter ({_quote(trouble)}): see its container runtime and network"
        return Waiting(Reason.SANDBOX_FAILED, message)
    return None


def _failed(job: KubeObject, pods: Sequence[KubeObject]) -> Failed:
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    again = f"try again with `kubectl delete job {name} -n {namespace}`"
    end = _last_end(pods)
    if end is None:
        return Failed(ExportReason.FAILED, f"the export failed, and its pods are gone with what they said: {again}")
    if end.code == USER_MUST_ACT:
        remedy = "correct the component's weights or spec.export; where it names anything else, mend that and"
        return Failed(ExportReason.REFUSED, f"the export failed: {end.cause}; {remedy} {again}")
    tries = max(_failures(job, pods), 1)
    times = "once" if tries == 1 else f"{tries} times"
    if end.is_out_of_memory:
        message = f"the export failed {times}, at last out of memory: raise export.resources.limits.memory"
        return Failed(Reason.OUT_OF_MEMORY, message)
    if end.is_timeout:
        message = (
            f"the export failed {times}, at last for it took too long ({end.cause}): check the network and {again}"
        )
        return Failed(ExportReason.TIMED_OUT, message)
    message = f"the export failed {times}, at last: {end.cause}; mend what it names and {again}"
    return Failed(ExportReason.FAILED, message)


def _failures(job: KubeObject, pods: Sequence[KubeObject]) -> int:
    """How many attempts have failed: the Job counts them a moment after the pods have ended, and knows of lost ones."""
    ended = (pod for pod in pods if _phase(pod) == "Failed" and not _is_disrupted(pod))
    counted: int = job.get("status", {}).get("failed", 0)
    return max(counted, sum(1 for _ in ended))


def _is_disrupted(pod: KubeObject) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "DisruptionTarget" and one["status"] == "True" for one in conditions)


@dataclass(frozen=True)
class _End:
    """How an attempt ended."""

    code: int
    cause: str
    is_out_of_memory: bool
    is_timeout: bool


def _last_end(pods: Sequence[KubeObject]) -> _End | None:
    ended = [pod for pod in pods if _phase(pod) == "Failed"]
    if not ended:
        return None
    last = max(ended, key=_ended_at)
    terminated = _status(last).get("state", {}).get("terminated", {})
    code = terminated.get("exitCode", -1)
    status = last["status"]
    out_of_memory = terminated.get("reason") == "OOMKilled"
    if out_of_memory:
        cause = "it ran out of memory"
    else:
        # Of a pod that was evicted or whose node is gone, only the pod's own status tells.
        cause = _last_words(terminated.get("message", "")) or _quote(status.get("message", "")) or f"exit code {code}"
    return _End(code, cause, out_of_memory, status.get("reason") == "DeadlineExceeded")


def _ended_at(pod: KubeObject) -> tuple[str, str]:
    made = pod["metadata"]["creationTimestamp"]
    # A pod that was evicted before it ran has no end.
    return _status(pod).get("state", {}).get("terminated", {}).get("finishedAt") or made, made


def _last_words(log: str) -> str:
    """The exporter's own sentence, which is its log's last line; else the last lines, of whatever went wrong."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    if not lines:
        return ""
    if lines[-1].startswith("Error: "):
        return _quote(_OF_AN_ARGUMENT.sub("", lines[-1].removeprefix("Error: ")))
    return _quote(" | ".join(lines[-_LAST_LINES:]))


def _phase(pod: KubeObject) -> str:
    phase: str = pod.get("status", {}).get("phase", "Pending")
    return phase


def _status(pod: KubeObject) -> Mapping[str, Any]:
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return next((status for status in statuses if status["name"] == CONTAINER), {})


def _quote(text: str) -> str:
    """Others' words, short enough to stand in a sentence."""
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= _QUOTED_CHARACTERS else f"{line[:_QUOTED_CHARACTERS]}…"
