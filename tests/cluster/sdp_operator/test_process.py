"""The operator as a process: killed, stopped, and with no more rights than its own."""

import json
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.support.eventually import eventually
from tests.support.operator_process import OperatorProcess
from tests.support.pipeline_client import EXAMPLE, PipelineClient

from devcluster.cluster import Cluster
from devcluster.pytest_plugin import Namespace
from sdp_serving.contract.components import DRAWING

_KOPF_RUN = ["kopf", "run", "--standalone", "--all-namespaces", "--module=sdp_operator.handlers"]
CHILDREN = [f"sd-{component}" for component in sorted(DRAWING)]


def test_an_operator_killed_amid_its_work_finishes_it_once_it_is_back(
    pipelines: PipelineClient, operator: OperatorProcess
) -> None:
    pipelines.apply(EXAMPLE["spec"])
    eventually(lambda: pipelines.names("services"), "the first child is there")
    operator.kill()
    operator.start()
    eventually(lambda: pipelines.names("deployments") == CHILDREN, "all Deployments are there")
    eventually(lambda: pipelines.names("services") == CHILDREN, "all Services are there")
    pipelines.wait_for("Ready", reason="Unschedulable")


def test_what_happened_while_the_operator_was_away_is_made_good(
    pipelines: PipelineClient, operator: OperatorProcess, namespace: Namespace
) -> None:
    pipelines.apply(EXAMPLE["spec"])
    pipelines.wait_for("Ready", reason="Unschedulable")
    operator.kill()
    namespace.kubectl("delete", "deployment/sd-decoder")
    pipelines.apply({name: EXAMPLE["spec"][name] for name in ("textEncoder", "decoder")})
    operator.start()
    remaining = ["sd-decoder", "sd-text-encoder"]
    eventually(lambda: pipelines.names("deployments") == remaining, "the Deployments are as wanted")


def test_a_pipeline_can_be_deleted_while_the_operator_is_away(
    pipelines: PipelineClient, operator: OperatorProcess, namespace: Namespace
) -> None:
    pipelines.apply(EXAMPLE["spec"])
    eventually(lambda: pipelines.names("deployments") == CHILDREN, "the children are there")
    operator.kill()
    namespace.kubectl("delete", "sdpipeline", "sd", "--timeout=10s")
    eventually(lambda: pipelines.names("deployments") == [], "the children are gone", seconds=60)


def test_its_log_is_made_of_objects_that_name_their_pipeline(
    pipelines: PipelineClient, operator: OperatorProcess, namespace: Namespace
) -> None:
    pipelines.apply(EXAMPLE["spec"])
    pipelines.wait_for("Ready", reason="Unschedulable")
    lines = [json.loads(line) for line in operator.log().splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    about = [line["message"] for line in lines if line.get("pipeline") == f"{namespace.name}/sd"]
    assert any("applied Deployment sd-decoder" in message for message in about)


def test_its_metrics_count_what_it_does(pipelines: PipelineClient, operator: OperatorProcess) -> None:
    def done() -> float:
        return operator.metric("sdpipeline_operator_reconciles_total", result="ok")

    before = done()
    pipelines.apply(EXAMPLE["spec"])
    eventually(lambda: done() > before, "a reconcile is counted")
    assert operator.metric("sdpipeline_operator_reconcile_duration_seconds_count") >= done()
    assert operator.metric("sdpipeline_operator_leader") == 1
    assert operator.metric("sdpipeline_operator_build_info", version=version("sdpipeline")) == 1
    assert operator.metric("process_resident_memory_bytes") > 0


def test_where_another_program_has_its_address_it_says_so(operator: OperatorProcess, tmp_path: Path) -> None:
    address = operator.url.removeprefix("http://")
    other = OperatorProcess(operator.kubeconfig, tmp_path / "log", settings={"SDP_HTTP_ADDRESS": address})
    other.launch()
    assert other.exit_code(seconds=30) == 1
    last = other.log().splitlines()[-1]
    assert last.startswith("Error: SDP_HTTP_ADDRESS: can't listen there (")
    assert last.endswith("set it to a free address")


def test_kopf_run_is_the_same_operator(pipelines: PipelineClient, operator: OperatorProcess, tmp_path: Path) -> None:
    operator.kill()
    by_kopf = OperatorProcess(operator.kubeconfig, tmp_path / "log", lambda url: [*_KOPF_RUN, f"--liveness={url}"])
    try:
        by_kopf.start()
        pipelines.apply(EXAMPLE["spec"])
        eventually(lambda: pipelines.names("deployments") == CHILDREN, "all Deployments are there")
        pipelines.wait_for("Ready", reason="Unschedulable")
    finally:
        by_kopf.kill()


def test_the_operator_stops_when_it_is_asked_to(operator: OperatorProcess) -> None:
    assert operator.stop() == 0


@pytest.mark.parametrize(
    ("verb", "group", "resource"),
    [
        ("get", "", "secrets"),
        ("create", "", "pods"),
        ("get", "", "nodes"),
        ("update", "apps", "deployments"),
        ("patch", "sdpipeline.dev", "stablediffusionpipelines"),
        ("delete", "sdpipeline.dev", "stablediffusionpipelines"),
    ],
)
def test_the_operator_may_not_do_what_it_need_not(installed: Cluster, verb: str, group: str, resource: str) -> None:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": "system:serviceaccount:sdpipeline-system:sdpipeline-operator",
            "resourceAttributes": {"verb": verb, "group": group, "resource": resource, "namespace": "default"},
        },
    }
    answer = installed.kubectl("create", "--filename=-", "--output=json", stdin=json.dumps(review))
    assert json.loads(answer)["status"]["allowed"] is False
