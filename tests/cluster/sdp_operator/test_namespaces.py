"""An operator that looks after some namespaces only."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.eventually import eventually
from tests.support.operator_process import OperatorProcess
from tests.support.pipeline_client import PipelineClient

from devcluster.pytest_plugin import Namespace

SPEC = {"decoder": {"model": "gs://b/d"}}


@pytest.fixture
def others(namespace: Namespace) -> Iterator[list[Namespace]]:
    """Two more namespaces."""
    made = [Namespace(namespace.cluster, f"{namespace.name}-{suffix}") for suffix in ("second", "third")]
    for one in made:
        namespace.cluster.kubectl("create", "namespace", one.name)
    yield made
    namespace.cluster.kubectl("delete", "namespace", *(one.name for one in made), "--wait=false")


def test_an_operator_of_two_namespaces_serves_both_and_no_other(
    pipelines: PipelineClient, others: list[Namespace], namespace: Namespace, operator: OperatorProcess, tmp_path: Path
) -> None:
    second, third = (PipelineClient(one) for one in others)
    operator.kill()
    settings = {"SDP_NAMESPACES": f"{namespace.name},{others[0].name}"}
    process = OperatorProcess(operator.kubeconfig, tmp_path / "log", settings=settings)
    try:
        process.start()
        for client in (third, pipelines, second):
            client.apply(SPEC)
        for client in (pipelines, second):
            client.wait_for("Ready", reason="Unschedulable")
            assert client.names("deployments") == ["sd-decoder"]
        assert third.names("deployments") == []
        assert "status" not in third.get()

        # A component of a namespace that it serves can be shared; of another one it knows nothing, and says so.
        pipelines.apply({**SPEC, "sharing": {"namespaces": [others[0].name]}})
        second.apply({"decoder": {"from": {"pipeline": "sd", "namespace": namespace.name}}}, name="guest")
        second.wait_for("Ready", reason="Unschedulable", name="guest")
        second.apply({"decoder": {"from": {"pipeline": "sd", "namespace": others[1].name}}}, name="lost")
        message = second.wait_for("Ready", reason="SharedPipelineMissing", name="lost")["message"]
        assert f"the operator does not serve the namespace {others[1].name}" in message

        others[0].kubectl("delete", "deployment", "sd-decoder", "--wait=false")
        eventually(lambda: second.names("deployments") == ["sd-decoder"], "what was deleted is back")
    finally:
        process.kill()
    assert "Traceback" not in process.log()
