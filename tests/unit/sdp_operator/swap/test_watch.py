from typing import Any

import pytest
from tests.support.pipelines import deployment_of, not_pulled, pipeline, pod, puller_status, server_status

from sdp_operator.settings import Settings
from sdp_operator.swap.watch import pod_fault, reported_fault
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import NotPulled, PullFailure
from sdp_serving.contract.swap import ModelNumber, ReplicaReport

DEPLOYMENT = deployment_of(pipeline({"decoder": {"model": "gs://b/d"}}), Component.DECODER, Settings())
AT = "2026-11-23T04:00:07Z"
CRASH = {"exitCode": 139, "reason": "Error", "message": "segmentation fault", "finishedAt": AT}
RUNS: dict[str, Any] = {"running": {}}
BACK_OFF = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}


@pytest.mark.parametrize(
    ("status", "reason", "may_pass"),
    [
        (server_status(RUNS, last=CRASH), "ServerCrashed", False),
        (server_status({"terminated": CRASH}), "ServerCrashed", False),
        (server_status(RUNS, last={**CRASH, "reason": "OOMKilled"}), "OutOfMemory", False),
        (server_status(BACK_OFF), "ImageUnavailable", True),
        (not_pulled(PullFailure.CORRUPT, "it is corrupt"), "ModelCorrupt", False),
        (not_pulled(PullFailure.MODEL_NOT_FOUND, "it is not there"), "ModelNotFound", True),
        (puller_status({"terminated": {"exitCode": 2}}), "PullerFailed", True),
    ],
)
def test_what_a_pod_tells_against_its_model(status: dict[str, Any], reason: str, may_pass: bool) -> None:
    fault = pod_fault(pod(DEPLOYMENT, status=status))
    assert fault is not None
    assert (fault.reason, fault.may_pass) == (reason, may_pass)


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no GPU"}]},
        server_status(RUNS),
        server_status(RUNS, last={"exitCode": 137, "reason": "ContainerStatusUnknown"}),
        server_status(RUNS, last={"exitCode": 255, "reason": "Unknown"}),
        puller_status(BACK_OFF),
    ],
)
def test_what_is_not_the_models_fault(status: dict[str, Any]) -> None:
    assert pod_fault(pod(DEPLOYMENT, status=status)) is None


def test_a_crash_is_told_with_its_time() -> None:
    fault = pod_fault(pod(DEPLOYMENT, status=server_status(RUNS, last=CRASH)))
    assert fault is not None
    assert fault.at is not None
    assert fault.at.isoformat() == AT.replace("Z", "+00:00")


def test_a_puller_speaks_of_the_model_that_it_has_heard_of() -> None:
    trouble = NotPulled(reason=PullFailure.GOLDEN_REQUEST_FAILED, message="it answers nonsense")
    told = ReplicaReport(component=Component.DECODER, rollout="1", serving=ModelNumber(7), trouble=trouble)
    fault = reported_fault(told, ModelNumber(7))
    assert fault is not None
    assert (fault.reason, fault.may_pass) == ("GoldenRequestFailed", False)
    assert reported_fault(told, ModelNumber(6)) is None
