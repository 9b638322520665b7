"""What a pod says about itself: is it ready, what does it serve, and if not, what keeps it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sdp_operator.api.v1alpha1 import Serving
from sdp_operator.desired import model_server, puller
from sdp_operator.desired.identity import REVISION
from sdp_operator.objects import KubeObject
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_serving.contract.report import NotPulled, Pulled, read_report

IMAGE_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
CONTAINER_REASONS: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_QUOTED_CHARACTERS: Final = 300

_AROUND_THE_CAUSE: Final = re.compile(
    r'Back-off pulling image "[^"]*"(: |$)|ErrImagePull: |rpc error: code = \w+ desc = |'
    r'failed to pull and unpack image "[^"]*": |failed to resolve (reference|image)( "[^"]*")?: |failed to do request: '
)
"""What the kubelet and containerd say before the cause, with the image's name each time."""


@dataclass(frozen=True)
class Replica:
    """One pod of a component.

    Attributes:
        revision: the digest of the pod template that it was made from.
        serving: the model that it serves; None unless it is ready.
        problem: what keeps it from being ready; None when it is ready.
        node: where it runs; None while it has no place.
    """

    revision: str
    serving: Serving | None
    problem: Problem | None
    node: str | None


@dataclass(frozen=True)
class Remembered:
    """What is remembered of the model of a pod's rollout.

    Attributes:
        source: its URI, or the name of its image.
        found: what was found there; None where nothing has told.
        came_later: whether it came after the pod had started, which then tells of another one.
        number: its version in TensorFlow Serving; None where only the server knows.
    """

    source: str
    found: Pulled | None
    came_later: bool
    number: int | None = None


def read_replica(pod: KubeObject, words: str | None = None, model: Remembered | None = None) -> Replica | None:
    """Read a pod; None for one that has ended or is about to, which its Deployment replaces.

    Args:
        pod: the pod.
        words: what an Event said last of trouble with it.
        model: what is remembered of its model; None where nothing is.
    """
    if not is_living(pod):
        return None
    ready = is_ready(pod)
    return Replica(
        revision=pod["metadata"].get("labels", {}).get(REVISION, ""),
        serving=_serving(pod, model) if ready else None,
        problem=None if ready else _problem(pod, words),
        node=pod["spec"].get("nodeName"),
    )


def _serving(pod: KubeObject, model: Remembered | None) -> Serving:
    report = pull_report(statuses(pod, "initContainerStatuses").get(puller.CONTAINER, {}))
    found = report if isinstance(report, Pulled) else None
    if model is not None and (model.came_later or found is None):
        found = model.found or found
    number = None if model is None else model.number
    if found is not None:
        return Serving(
            name=found.weights, version=found.version, digest=found.source_digest, number=number, model=found.uri
        )
    source = model.source if model is not None else _made_for(pod)
    return Serving(name=_short(source), number=number, model=source)


def _made_for(pod: KubeObject) -> str:
    """The source of the model of a pod of which nothing is remembered."""
    for container in pod["spec"].get("initContainers", []):
        if container["name"] == puller.CONTAINER and "--uri" in container["args"]:
            return str(container["args"][container["args"].index("--uri") + 1])
    return str(next(one["image"] for one in pod["spec"]["containers"] if one["name"] == model_server.CONTAINER))


def is_living(pod: KubeObject) -> bool:
    """Whether the pod has not ended and is not about to."""
    return "deletionTimestamp" not in pod["metadata"] and pod.get("status", {}).get("phase") not in {
        "Succeeded",
        "Failed",
    }


def is_ready(pod: KubeObject) -> bool:
    """Whether the pod takes requests."""
    return bool(_condition(pod, "Ready").get("status") == "True")


def _problem(pod: KubeObject, words: str | None) -> Problem:
    pulling = statuses(pod, "initContainerStatuses").get(puller.CONTAINER)
    serving = statuses(pod, "containerStatuses").get(model_server.CONTAINER)
    found = (
        unschedulable(pod)
        or (pulling and (not_started(pulling) or pull_failed(pulling)))
        or (serving and (out_of_memory(serving, pod) or not_started(serving) or crashed(serving)))
    )
    return found or not_set_up(pod, words) or _progress(pulling, serving)


def not_set_up(pod: KubeObject, words: str | None) -> Problem | None:
    """What the node says of its trouble with a pod none of whose containers it has started; None for no trouble.

    Args:
        pod: the pod.
        words: what an Event said last of trouble with it, after the Event's reason.
    """
    started = [
        *pod.get("status", {}).get("initContainerStatuses", []),
        *pod.get("status", {}).get("containerStatuses", []),
    ]
    if words is None or any(
        "waiting" not in one.get("state", {}) or "terminated" in one.get("lastState", {}) for one in started
    ):
        return None
    said = quoted(words)
    if words.startswith(("FailedMount", "FailedAttachVolume")):
        return Problem(
            Reason.VOLUME_UNAVAILABLE, f"a volume of the replica can't be mounted ({said}): correct what it names"
        )
    if words.startswith("FailedCreatePodSandBox"):
        return Problem(
            Reason.SANDBOX_FAILED,
            f"the node can't set up the replica ({said}): see the node's container runtime and network",
        )
    return None


def unschedulable(pod: KubeObject) -> Problem | None:
    """Why no node can take the pod; None when it has one, or may get one."""
    condition = _condition(pod, "PodScheduled")
    if condition.get("status") != "False" or condition.get("reason") != "Unschedulable":
        return None
    said = quoted(condition.get("message"))
    if "nvidia.com/gpu" in said:
        remedy = "free a GPU, add a node that has one, or lower gpu.count or replicas"
    elif "affinity" in said or "selector" in said:
        remedy = "check gpu.accelerator and nodeSelector against the labels of the nodes"
    else:
        remedy = "make room, add a node, or ask for less"
    return Problem(Reason.UNSCHEDULABLE, f"no node can take a replica ({said}): {remedy}")


def not_started(status: Mapping[str, Any]) -> Problem | None:
    """Why a container can't be started, from its status; None when nothing keeps it."""
    waiting = status.get("state", {}).get("waiting", {})
    reason, said = waiting.get("reason"), quoted(waiting.get("message"))
    if reason in IMAGE_REASONS:
        cause = quoted(pull_error(waiting.get("message", "")).removeprefix(f"{status['image']}: ")) or reason
        remedy = "correct its name, or give the nodes access, as by imagePullSecrets"
        message = f"the image {status['image']} can't be pulled ({cause}): {remedy}"
        return Problem(Reason.IMAGE_UNAVAILABLE, message)
    if reason in CONTAINER_REASONS:
        message = f"the container {status['name']} can't be started ({said or reason}): correct what it names"
        return Problem(Reason.CONTAINER_REFUSED, message)
    return None


def pull_error(said: str) -> str:
    """Why an image can't be pulled: the same words while the kubelet tries and while it pauses."""
    return _AROUND_THE_CAUSE.sub("", said)


def out_of_memory(status: Mapping[str, Any], pod: KubeObject) -> Problem | None:
    """Whether the model server was ended for its use of memory; with very little, it is before it even starts."""
    ended = last_end(status) or {}
    waiting = status.get("state", {}).get("waiting", {})
    said = f"{waiting.get('message')} {ended.get('message')}"
    if ended.get("reason") != "OOMKilled" and "container init was OOM-killed" not in said:
        return None
    container = next(one for one in pod["spec"]["containers"] if one["name"] == model_server.CONTAINER)
    limit = container.get("resources", {}).get("limits", {}).get("memory")
    if limit is None:
        message = "the node has no memory left for the model server: set resources.requests.memory to what it needs"
    else:
        message = f"the model server needs more memory than its limit of {limit}: raise resources.limits.memory"
    return Problem(Reason.OUT_OF_MEMORY, message)


def pull_failed(status: Mapping[str, Any]) -> Problem | None:
    """Why the puller failed last; None when it has not."""
    ended = last_end(status)
    if ended is None or ended.get("exitCode") == 0:
        return None
    report = pull_report(status)
    if isinstance(report, NotPulled):
        return Problem(report.reason, report.message)
    if ended.get("reason") == "OOMKilled":
        return Problem(Reason.OUT_OF_MEMORY, "the puller ran out of memory: give the node or the namespace more")
    message = (
        f"the puller ended with exit code {ended.get('exitCode')} and no report: see the log of its container puller"
    )
    return Problem(Reason.PULLER_FAILED, message)


def crashed(status: Mapping[str, Any]) -> Problem | None:
    """How the model server ended last; None when it never has."""
    ended = last_end(status)
    if ended is None:
        return None
    said = quoted(ended.get("message"))
    message = f"the model server ended with exit code {ended.get('exitCode')}{f' ({said})' if said else ''}"
    return Problem(Reason.SERVER_CRASHED, f"{message}: see the log of its container server, and check model and image")


def _progress(pulling: Mapping[str, Any] | None, serving: Mapping[str, Any] | None) -> Problem:
    if serving is not None and "running" in serving.get("state", {}):
        return Problem(Reason.LOADING, "the model server is loading the model")
    if pulling is not None and "running" in pulling.get("state", {}):
        return Problem(Reason.PULLING, "the model is being pulled")
    return Problem(Reason.STARTING, "the replica is being started")


def last_end(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """How the container last ended; a restart under way does not yet unmake that."""
    ended: Mapping[str, Any] | None = status.get("state", {}).get("terminated") or status.get("lastState", {}).get(
        "terminated"
    )
    return ended


def pull_report(status: Mapping[str, Any]) -> Pulled | NotPulled | None:
    """What the puller said at its end; None when it said nothing."""
    ended = last_end(status)
    return None if ended is None else read_report(ended.get("message", ""))


def statuses(pod: KubeObject, key: str) -> dict[str, Mapping[str, Any]]:
    """The statuses of a pod's containers under this key, by the containers' names."""
    return {status["name"]: status for status in pod.get("status", {}).get(key, [])}


def _condition(pod: KubeObject, kind: str) -> Mapping[str, Any]:
    return next(_of_type(pod, kind), {})


def _of_type(pod: KubeObject, kind: str) -> Iterator[Mapping[str, Any]]:
    return (condition for condition in pod.get("status", {}).get("conditions", []) if condition["type"] == kind)


def quoted(text: str | None) -> str:
    """Kubernetes' own words, short enough to stand in a sentence."""
    line = " ".join((text or "").split()).rstrip(".")
    return line if len(line) <= _QUOTED_CHARACTERS else f"{line[:_QUOTED_CHARACTERS]}…"


def _short(source: str) -> str:
    return "/".join(source.rstrip("/").split("/")[-2:])
