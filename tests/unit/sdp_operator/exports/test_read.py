from typing import Any

import pytest

from sdp_operator.exports.read import read_export
from sdp_operator.exports.state import Done, Export, Failed, Running, Waiting
from sdp_serving.contract.artifact import ModelUri

URI = ModelUri.parse("gs://bucket/exported/striped-0123456789/diffusion-model")
AGAIN = "try again with `kubectl delete job sd-export-1 -n art`"


def job(*conditions: str, failed: int = 0, retries: int = 3) -> dict[str, Any]:
    status = {
        "conditions": [{"type": kind, "status": "True"} for kind in conditions],
        **({"failed": failed} if failed else {}),
    }
    meta = {"name": "sd-export-1", "namespace": "art", "uid": "uid-of-job"}
    return {"kind": "Job", "metadata": meta, "spec": {"backoffLimit": retries}, "status": status}


def pod(
    phase: str = "Pending",
    state: dict[str, Any] | None = None,
    *,
    name: str = "pod",
    job: str = "uid-of-job",
    **more: Any,
) -> dict[str, Any]:
    statuses = [] if state is None else [{"name": "exporter", "image": "registry/exporter:1", "state": state}]
    owner = {"kind": "Job", "uid": job, "controller": True}
    return {
        "metadata": {"name": name, "ownerReferences": [owner], "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"phase": phase, "containerStatuses": statuses, **more},
    }


def ended(
    code: int, log: str = "", at: str = "2026-01-01T00:00:01Z", reason: str = "Error", **more: Any
) -> dict[str, Any]:
    end = {"exitCode": code, "reason": reason, "message": log, "finishedAt": at}
    return pod("Failed", {"terminated": end}, name=f"pod-{at}", **more)


def read(job: dict[str, Any] | None, *pods: dict[str, Any], words: dict[str, str] | None = None) -> Export:
    return read_export(URI, job, pods, words or {})


def test_a_job_that_is_not_there_yet_is_waited_for() -> None:
    assert read(None) == Waiting("ExportStarting", "the Job that exports the weights is being made")


def test_a_job_without_a_pod_says_where_to_look_if_that_lasts() -> None:
    state = read(job())
    assert isinstance(state, Waiting)
    assert state.reason == "ExportStarting"
    assert "`kubectl describe job sd-export-1 -n art`" in state.message


@pytest.mark.parametrize("given", [job("Complete", "SuccessCriteriaMet"), job("Complete", failed=2)])
def test_a_complete_job_has_made_the_model(given: dict[str, Any]) -> None:
    state = read(given, pod("Succeeded"))
    assert state == Done(URI)
    assert str(URI) in state.message


UNSCHEDULABLE: dict[str, Any] = {
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/1 nodes: Too little memory.",
        }
    ]
}


@pytest.mark.parametrize(
    ("given", "words", "reason", "message"),
    [
        (
            pod(**UNSCHEDULABLE),
            None,
            "Unschedulable",
            "no node can take the exporter (0/1 nodes: Too little memory): add a node, or change export.resources,",
        ),
        (
            pod(state={"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}),
            None,
            "ImageUnavailable",
            "the image registry/exporter:1 can't be pulled (not found): correct export.image",
        ),
        (
            pod(state={"waiting": {"reason": "CreateContainerError"}}),
            None,
            "ContainerRefused",
            "can't be started (CreateContainerError): correct spec.export",
        ),
        (
            pod(state={"waiting": {"reason": "ContainerCreating"}}),
            {"pod": "FailedMount: no such folder."},
            "VolumeUnavailable",
            "a volume of the exporter can't be mounted (FailedMount: no such folder): correct what it names",
        ),
        (
            pod(state={"waiting": {"reason": "ContainerCreating"}}),
            {"pod": "FailedCreatePodSandBox: no network"},
            "SandboxFailed",
            "the node can't set up the exporter (FailedCreatePodSandBox: no network): see its",
        ),
    ],
)
def test_what_keeps_the_pod_is_said_with_what_to_do(
    given: dict[str, Any], words: dict[str, str] | None, reason: str, message: str
) -> None:
    state = read(job(), given, words=words)
    assert isinstance(state, Waiting)
    assert state.reason == reason
    assert message in state.message


@pytest.mark.parametrize("given", [pod(), pod(state={"waiting": {"reason": "ContainerCreating"}}), pod("Running")])
def test_a_pod_that_starts_or_runs_is_the_first_attempt(given: dict[str, Any]) -> None:
    state = read(job(), given, words={"pod": "TriggeredScaleUp: a node was added"})
    assert state == Running(1, 4)
    assert state.message == "the weights are being exported, attempt 1 of 4"


def test_a_further_attempt_says_why_the_one_before_failed() -> None:
    before = ended(1, "step\nError: the bucket is out of order: try again later")
    state = read(job(failed=1), before, pod("Running"))
    assert state == Running(2, 4, "the bucket is out of order: try again later")
    assert state.message.endswith("attempt 2 of 4; the one before failed: the bucket is out of order: try again later")


def test_between_attempts_the_failure_is_said() -> None:
    state = read(job(failed=2), ended(1, "Error: the network is down"))
    assert state == Waiting(
        "ExportRetrying", "attempt 2 of 4 failed: the network is down; the next starts after a pause"
    )


def test_an_attempt_that_the_job_has_not_counted_yet_counts() -> None:
    ends = [ended(1, "Error: the network is down", at=f"2026-01-01T00:00:0{second}Z") for second in (1, 2)]
    retrying = read(job(failed=1), *ends)
    assert isinstance(retrying, Waiting)
    assert retrying.message.startswith("attempt 2 of 4 failed")
    failed = read(job(failed=1, retries=1), *ends)
    assert isinstance(failed, Failed)
    assert failed.message.startswith("the export failed 2 times")


def test_an_attempt_that_was_disturbed_counts_only_if_the_job_counts_it() -> None:
    disrupted = [{"type": "DisruptionTarget", "status": "True"}]
    assert isinstance(read(job(retries=0), ended(137, conditions=disrupted)), Waiting)


REFUSED = ended(2, "Usage: sdpipeline export\n\nError: Invalid value for --weights: sd-tiny has no weights 'x'")
TRACE = 'Traceback (most recent call last):\n  File "a.py", line 1\n    boom()\nValueError: boom'


@pytest.mark.parametrize(
    ("given", "pods", "reason", "message"),
    [
        (
            job("FailureTarget", "Failed", failed=1),
            [REFUSED],
            "ExportRefused",
            "the export failed: sd-tiny has no weights 'x'; correct the component's weights or spec.export; where it"
            f" names anything else, mend that and {AGAIN}",
        ),
        (job("FailureTarget", failed=1), [REFUSED], "ExportRefused", "sd-tiny has no weights 'x'"),
        # The pod has ended, and the Job does not say so yet.
        (job(), [REFUSED], "ExportRefused", "sd-tiny has no weights 'x'"),
        (
            job("Failed", failed=4),
            [ended(1, "Error: first", at="2026-01-01T00:00:01Z"), ended(1, "Error: last", at="2026-01-01T00:09:01Z")],
            "ExportFailed",
            f"the export failed 4 times, at last: last; mend what it names and {AGAIN}",
        ),
        (
            job("Failed", failed=1, retries=0),
            [ended(1, TRACE)],
            "ExportFailed",
            'the export failed once, at last: File "a.py", line 1 | boom() | ValueError: boom; mend',
        ),
        (job("Failed", failed=4), [ended(3)], "ExportFailed", "at last: exit code 3; mend"),
        (
            job("Failed", failed=4),
            [ended(137, reason="OOMKilled")],
            "OutOfMemory",
            "the export failed 4 times, at last out of memory: raise export.resources.limits.memory",
        ),
        (
            job("Failed", failed=4),
            [pod("Failed", reason="DeadlineExceeded", message="Pod was active too long")],
            "ExportTimedOut",
            f"at last for it took too long (Pod was active too long): check the network and {AGAIN}",
        ),
        (
            job("Failed", failed=1),
            [pod("Failed", reason="Evicted", message="The node was low on resource: ephemeral-storage.")],
            "ExportFailed",
            "at last: The node was low on resource: ephemeral-storage; mend",
        ),
        (job("Failed"), [], "ExportFailed", f"its pods are gone with what they said: {AGAIN}"),
        (job("Failed"), [pod("Failed", job="uid-of-another")], "ExportFailed", "its pods are gone"),
    ],
)
def test_a_failed_job_says_why_and_what_to_do(
    given: dict[str, Any], pods: list[dict[str, Any]], reason: str, message: str
) -> None:
    state = read(given, *pods)
    assert isinstance(state, Failed)
    assert state.reason == reason
    assert message in state.message


def test_pods_of_other_owners_are_no_attempts() -> None:
    assert read(job(), pod("Running", job="uid-of-another")) == read(job())


def test_a_long_log_line_is_cut() -> None:
    state = read(job("Failed", failed=1), ended(1, f"Error: {'x' * 3000}"))
    assert len(state.message) < 700


def test_a_condition_that_does_not_hold_says_nothing() -> None:
    given = job()
    given["status"]["conditions"] = [{"type": "Failed", "status": "False"}]
    assert read(given, pod("Running")) == Running(1, 4)
