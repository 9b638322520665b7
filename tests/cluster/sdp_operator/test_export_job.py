"""The Job that exports weights, as Kubernetes' own Job controller runs it, and what is read of it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from tests.support.eventually import eventually

from devcluster.pytest_plugin import Namespace
from sdp_operator.api.v1alpha1 import API_VERSION, KIND, Pipeline, format_time
from sdp_operator.desired.export_job import CONTAINER, export_job, exported_uri
from sdp_operator.exports.read import read_export
from sdp_operator.exports.state import Done, Export, Failed, Running, Waiting
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component

DIFFUSION: Final = Component.DIFFUSION_MODEL
WEIGHTS: Final = "striped"


class ExportJob:
    """The Job of a pipeline, in a cluster where a test says what its pods come to."""

    def __init__(self, namespace: Namespace, retries: int) -> None:
        self._namespace = namespace
        about = {"name": "sd", "namespace": namespace.name, "uid": "uid-of-sd", "generation": 1}
        spec = {
            "stableDiffusion": {"version": "tiny"},
            "diffusionModel": {"weights": WEIGHTS},
            "export": {"to": "gs://bucket/exported", "retries": retries},
            "storage": {"secretName": "bucket-key"},
        }
        pipeline = Pipeline.parse({"apiVersion": API_VERSION, "kind": KIND, "metadata": about, "spec": spec})
        self._uri = exported_uri(pipeline, DIFFUSION, WEIGHTS)
        job = export_job(pipeline, DIFFUSION, WEIGHTS, Settings())
        # There is no pipeline, and what has an owner that is not there is deleted.
        del job["metadata"]["ownerReferences"]
        self._name = job["metadata"]["name"]
        namespace.kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(job))

    def state(self) -> Export:
        """What is read of it."""
        return read_export(self._uri, self._get("job", self._name), self._pods())

    def run(self) -> None:
        """Let the one pod that waits run."""
        self._write(self._pod(), {"phase": "Running"})

    def end(self, code: int, log: str = "") -> None:
        """Let the one pod that is under way end."""
        pod = self._pod()
        end = {"exitCode": code, "reason": "Error", "message": log, "finishedAt": format_time(datetime.now(UTC))}
        status = {"name": CONTAINER, "image": "x", "imageID": "", "ready": False, "restartCount": 0}
        self._write(
            pod,
            {
                "phase": "Failed" if code else "Succeeded",
                "containerStatuses": [{**status, "state": {"terminated": end}}],
            },
        )

    def drain(self) -> None:
        """Let the one pod that is under way be evicted for its node's sake."""
        pod = self._pod()
        condition = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
        self._write(pod, {"phase": "Failed", "conditions": [condition]})

    def eventually(self, holds: Callable[[Export], bool], what: str) -> Export:
        """Wait until what is read of it is such."""
        seen: list[Export] = []

        def such() -> bool:
            seen.append(self.state())
            return holds(seen[-1])

        eventually(such, what, seconds=40)
        return seen[-1]

    def _pod(self) -> dict[str, Any]:
        eventually(self._under_way, "a pod is under way", seconds=60)
        (pod,) = self._under_way()
        return pod

    def _under_way(self) -> list[dict[str, Any]]:
        return [pod for pod in self._pods() if pod["status"]["phase"] in {"Pending", "Running"}]

    def _pods(self) -> list[dict[str, Any]]:
        return self._get("pods", "--selector=app.kubernetes.io/name=sdpipeline-exporter")["items"]  # type: ignore[no-any-return]

    def _get(self, *what: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._namespace.kubectl("get", *what, "--output=json"))
        return found

    def _write(self, pod: dict[str, Any], status: dict[str, Any]) -> None:
        patch = json.dumps({"status": status})
        self._namespace.kubectl("patch", "pod", pod["metadata"]["name"], "--subresource=status", f"--patch={patch}")


@pytest.fixture
def start(namespace: Namespace) -> Callable[..., ExportJob]:
    """Makes the Job in a namespace that enforces the restricted Pod Security level."""
    namespace.kubectl("label", "namespace", namespace.name, "pod-security.kubernetes.io/enforce=restricted")
    return lambda retries=3: ExportJob(namespace, retries)


def test_a_job_whose_pod_succeeds_has_made_the_model(start: Callable[..., ExportJob]) -> None:
    job = start()
    job.end(0)
    done = job.eventually(lambda state: isinstance(state, Done), "the export is done")
    assert done.message.startswith("the model is at gs://bucket/exported/striped-")


def test_a_failure_that_the_user_must_mend_is_not_tried_again(start: Callable[..., ExportJob]) -> None:
    job = start()
    job.end(2, "Error: the bucket gs://bucket does not exist: create it")
    failed = job.eventually(lambda state: isinstance(state, Failed), "the export has failed")
    assert failed.reason == "ExportRefused"
    assert "the export failed: the bucket gs://bucket does not exist: create it; correct" in failed.message


def test_a_failure_that_may_pass_is_tried_again_until_no_attempt_is_left(start: Callable[..., ExportJob]) -> None:
    job = start(retries=1)
    job.end(1, "Error: the network is down")
    retrying = job.eventually(
        lambda state: isinstance(state, Waiting) and state.reason == "ExportRetrying", "the failure is read"
    )
    assert retrying.message == "attempt 1 of 2 failed: the network is down; the next starts after a pause"
    job.run()
    assert job.state() == Running(2, 2, "the network is down")
    job.end(1, "Error: the network is still down")
    failed = job.eventually(lambda state: isinstance(state, Failed), "the export has failed")
    assert failed.reason == "ExportFailed"
    assert failed.message.startswith("the export failed 2 times, at last: the network is still down; mend")


def test_a_node_that_is_drained_costs_no_attempt(start: Callable[..., ExportJob]) -> None:
    job = start(retries=0)
    job.drain()
    job.end(0)
    job.eventually(lambda state: isinstance(state, Done), "the export is done")
