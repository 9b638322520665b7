"""The operator with the settings and the rights that the chart gives it, and nothing else."""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.chart import NAMESPACE, OPERATOR, container, install
from tests.support.eventually import eventually
from tests.support.operator_process import OperatorProcess, service_account_kubeconfig
from tests.support.pipeline_client import PipelineClient

from devcluster.cluster import Cluster
from devcluster.pytest_plugin import Namespace

SPEC: dict[str, Any] = {"decoder": {"model": "gs://bucket/decoder"}}
POD = "operator-0"

Start = Callable[[], OperatorProcess]


@pytest.fixture
def start(empty: Cluster, tmp_path: Path) -> Iterator[Start]:
    """Starts the operator that was installed, as its pod would."""
    started: list[OperatorProcess] = []

    def start_it() -> OperatorProcess:
        kubeconfig = service_account_kubeconfig(empty, tmp_path, namespace=NAMESPACE, account=OPERATOR)
        started.append(OperatorProcess(kubeconfig, tmp_path / "operator.log", settings=_variables(empty)))
        started[-1].start()
        return started[-1]

    yield start_it
    for one in started:
        one.stop()  # and let the Lease go, for which the next would have to wait
        assert '"traceback"' not in one.log()


def _variables(cluster: Cluster) -> dict[str, str]:
    """What Kubernetes would give the operator's pod."""
    deployment = json.loads(
        cluster.kubectl("get", f"deployment/{OPERATOR}", f"--namespace={NAMESPACE}", "--output=json")
    )
    fields = {"metadata.namespace": NAMESPACE, "metadata.name": POD}
    return {
        one["name"]: one["value"] if "value" in one else fields[one["valueFrom"]["fieldRef"]["fieldPath"]]
        for one in container([deployment])["env"]
    }


@pytest.fixture
def ours(empty: Cluster) -> Namespace:
    """A namespace of users."""
    return _new_namespace(empty)


@pytest.fixture
def theirs(empty: Cluster) -> Namespace:
    """Another one."""
    return _new_namespace(empty)


def _new_namespace(cluster: Cluster) -> Namespace:
    # The whole cluster ends after these tests.
    name = f"team-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", name)
    return Namespace(cluster, name)


def _is_served(namespace: Namespace) -> bool:
    return PipelineClient(namespace).names("deployments") == ["sd-decoder"]


def test_it_serves_every_namespace_and_holds_its_lease(
    empty: Cluster, start: Start, ours: Namespace, theirs: Namespace
) -> None:
    install(empty, "--create-namespace")
    start()
    for namespace in (ours, theirs):
        PipelineClient(namespace).apply(SPEC)
    eventually(lambda: _is_served(ours) and _is_served(theirs), "both have their decoder")
    lease = json.loads(empty.kubectl("get", f"lease/{OPERATOR}", f"--namespace={NAMESPACE}", "--output=json"))
    assert lease["spec"]["holderIdentity"].startswith(f"{POD}_")


@pytest.mark.parametrize("nodes", ["true", "false"], ids=["with-nodes", "without-nodes"])
def test_with_a_named_namespace_it_serves_that_one_only(
    empty: Cluster, start: Start, ours: Namespace, theirs: Namespace, nodes: str
) -> None:
    install(empty, "--create-namespace", f"--set=namespaces={{{ours.name}}}", f"--set=nodes.read={nodes}")
    start()
    # First the one that must be left alone, so that there was time for it.
    for namespace in (theirs, ours):
        PipelineClient(namespace).apply(SPEC)
    eventually(lambda: _is_served(ours), "ours has its decoder")
    eventually(lambda: PipelineClient(ours).condition("Ready"), "ours has a status")
    assert not _is_served(theirs)
    assert not PipelineClient(theirs).condition("Ready")
