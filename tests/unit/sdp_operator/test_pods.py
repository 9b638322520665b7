from typing import Any

import pytest
from tests.support.pipelines import (
    DIGEST,
    deployment_of,
    not_pulled,
    pipeline,
    pod,
    pulled,
    puller_status,
    ready,
    server_status,
)

from sdp_operator.api.v1alpha1 import Serving
from sdp_operator.desired.deployment import revision
from sdp_operator.objects import KubeObject
from sdp_operator.pods import Remembered, read_replica
from sdp_operator.problem import Problem
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure

URI = "gs://bucket/sd/decoder"
PULLED = deployment_of(pipeline({"decoder": {"model": URI}}), Component.DECODER, Settings())
BAKED = deployment_of(pipeline({"decoder": {"image": "registry/art/decoder:7"}}), Component.DECODER, Settings())
KILLED = {"exitCode": 137, "reason": "OOMKilled"}
TOO_SMALL = "runc create failed: container init was OOM-killed (memory limit too low?): unknown"


def test_a_ready_pod_serves_what_its_puller_reported() -> None:
    replica = read_replica(pod(PULLED, status=ready(pulled(Component.DECODER, URI, version=17, weights="striped"))))
    assert replica is not None
    assert replica.serving == Serving(name="striped", version=17, digest=DIGEST, model=URI)
    assert replica.problem is None
    assert replica.revision == revision(PULLED)


def test_a_ready_pod_whose_report_is_lost_serves_what_is_remembered_of_it() -> None:
    replica = read_replica(pod(PULLED, status=ready(None)), model=Remembered(URI, None, came_later=False))
    assert replica is not None
    assert replica.serving == Serving(name="sd/decoder", model=URI)


def test_a_pod_whose_model_came_after_its_start_serves_that_one() -> None:
    first, second = (pulled(Component.DECODER, URI, version=version) for version in (1, 2))
    for came_later, version in ((True, 2), (False, 1)):
        replica = read_replica(pod(PULLED, status=ready(first)), model=Remembered(URI, second, came_later=came_later))
        assert replica is not None
        assert replica.serving is not None
        assert replica.serving.version == version


def test_a_pod_whose_model_is_remembered_serves_it_under_its_number() -> None:
    found = pulled(Component.DECODER, URI)
    for report in (found, None):
        replica = read_replica(
            pod(PULLED, status=ready(report)), model=Remembered(URI, found, came_later=False, number=90)
        )
        assert replica is not None
        assert replica.serving is not None
        assert replica.serving.number == 90


def test_a_pod_of_an_older_operator_whose_report_is_lost_serves_the_uri_of_its_puller() -> None:
    of_old = pod(PULLED, status=ready(None))
    of_old["spec"] = {**of_old["spec"], "initContainers": [{"name": "puller", "args": ["--uri", URI]}]}
    replica = read_replica(of_old)
    assert replica is not None
    assert replica.serving == Serving(name="sd/decoder", model=URI)


def test_a_ready_pod_with_a_model_in_its_image_serves_the_image() -> None:
    replica = read_replica(pod(BAKED, status=ready(None)))
    assert replica is not None
    assert replica.serving == Serving(name="art/decoder:7", model="registry/art/decoder:7")


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        ({}, "Starting", "being started"),
        (puller_status({"running": {}}), "Pulling", "being pulled"),
        (server_status({"running": {}}), "Loading", "loading the model"),
        (not_pulled(PullFailure.MODEL_NOT_FOUND, f"{URI} is not there"), "ModelNotFound", f"{URI} is not there"),
        (puller_status({"terminated": {"exitCode": 2, "message": "?"}}), "PullerFailed", "exit code 2"),
        (puller_status({"running": {}}, last=KILLED), "OutOfMemory", "the puller ran out of memory"),
        (server_status({"waiting": {"reason": "CrashLoopBackOff"}}, last=KILLED), "OutOfMemory", "requests.memory"),
        (
            server_status(
                {"waiting": {"reason": "CrashLoopBackOff"}}, last={"exitCode": 134, "message": "bad\n flag."}
            ),
            "ServerCrashed",
            "exit code 134 (bad flag): see the log",
        ),
        (
            server_status({"waiting": {"reason": "ErrImagePull", "message": "not found"}}),
            "ImageUnavailable",
            "the image images/server:1 can't be pulled (not found)",
        ),
        (puller_status({"waiting": {"reason": "ImagePullBackOff"}}), "ImageUnavailable", "images/puller:1"),
        (
            server_status({"waiting": {"reason": "CreateContainerConfigError", "message": "no secret"}}),
            "ContainerRefused",
            "server can't be started (no secret)",
        ),
    ],
)
def test_what_keeps_a_pod_from_being_ready_is_named(status: KubeObject, reason: str, message: str) -> None:
    problem = _problem(status)
    assert problem.reason == reason
    assert message in problem.message


@pytest.mark.parametrize(
    "status",
    [
        server_status({"running": {}}, last=KILLED),
        server_status({"waiting": {"reason": "RunContainerError", "message": TOO_SMALL}}),
        server_status({"waiting": {"reason": "CrashLoopBackOff"}}, last={"reason": "StartError", "message": TOO_SMALL}),
    ],
)
def test_a_server_that_is_ended_for_its_use_of_memory_names_its_limit(status: KubeObject) -> None:
    spec = {"decoder": {"model": URI, "resources": {"limits": {"memory": "1Gi"}}}}
    limited = deployment_of(pipeline(spec), Component.DECODER, Settings())
    replica = read_replica(pod(limited, status=status))
    assert replica is not None
    assert replica.problem == Problem(
        "OutOfMemory", "the model server needs more memory than its limit of 1Gi: raise resources.limits.memory"
    )


@pytest.mark.parametrize(
    "said",
    [
        'failed to pull and unpack image "i:1": failed to resolve reference "i:1": images/server:1: not found',
        'rpc error: code = NotFound desc = failed to pull and unpack image "i:1": images/server:1: not found',
        'Back-off pulling image "i:1": ErrImagePull: failed to resolve image: images/server:1: not found',
    ],
)
def test_why_an_image_is_not_pulled_is_told_alike_while_the_node_tries_and_pauses(said: str) -> None:
    assert (
        "can't be pulled (not found)"
        in _problem(server_status({"waiting": {"reason": "ErrImagePull", "message": said}})).message
    )


@pytest.mark.parametrize(
    ("scheduler", "remedy"),
    [
        ("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", "free a GPU"),
        ("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.", "check gpu.accelerator"),
        ("0/1 nodes are available: 1 Insufficient memory.", "make room"),
        ("0/1 nodes are available: " + "x" * 5000, "…"),
    ],
)
def test_a_pod_that_no_node_takes_says_why_and_what_to_do(scheduler: str, remedy: str) -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": scheduler}
    problem = _problem({"phase": "Pending", "conditions": [condition]})
    assert problem.reason == "Unschedulable"
    assert remedy in problem.message
    assert len(problem.message) < 600


def test_a_failure_stays_known_while_the_puller_tries_again() -> None:
    failed = not_pulled(PullFailure.MODEL_NOT_FOUND, "it is not there")
    end = failed["initContainerStatuses"][0]["lastState"]["terminated"]
    assert _problem(puller_status({"running": {}}, last=end)) == _problem(failed)


@pytest.mark.parametrize("change", [{"deletionTimestamp": "2026-11-23T04:00:00Z"}, {}])
def test_a_pod_that_has_ended_or_is_about_to_does_not_count(change: dict[str, Any]) -> None:
    gone = pod(PULLED, status=ready(None) if change else {"phase": "Failed"})
    gone["metadata"] = {**gone["metadata"], **change}
    assert read_replica(gone) is None


def _problem(status: KubeObject) -> Problem:
    replica = read_replica(pod(PULLED, status=status))
    assert replica is not None
    assert replica.serving is None
    assert replica.problem is not None
    return replica.problem
