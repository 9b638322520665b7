"""Several operators of which one works, on a real API server."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.operator_process import OperatorProcess, service_account_kubeconfig
from tests.support.pipeline_client import EXAMPLE, PipelineClient

from devcluster.cluster import Cluster
from devcluster.pytest_plugin import Namespace

CHILDREN = sorted(f"sd-{name}" for name in ("text-encoder", "diffusion-model", "decoder"))
NAMESPACE = "sdpipeline-system"
ACCOUNT = "sdpipeline-operator"

Start = Callable[[], OperatorProcess]


@pytest.fixture
def start(installed: Cluster, _process: OperatorProcess, namespace: Namespace, tmp_path: Path) -> Iterator[Start]:
    """Starts an operator that serves the test's namespace, and takes part in the test's election."""
    _process.kill()  # The operator of the other tests serves every namespace, and knows of no election.
    _let_use_leases(installed)
    kubeconfig = service_account_kubeconfig(installed, tmp_path, namespace=NAMESPACE, account=ACCOUNT)
    settings = {
        "SDP_LEASE_NAMESPACE": NAMESPACE,
        "SDP_LEASE_NAME": namespace.name,
        "SDP_NAMESPACES": namespace.name,
    }
    numbers = itertools.count()
    made: list[OperatorProcess] = []

    def start_one() -> OperatorProcess:
        name = f"operator-{next(numbers)}"
        made.append(OperatorProcess(kubeconfig, tmp_path / f"{name}.log", settings={**settings, "SDP_IDENTITY": name}))
        made[-1].start()
        return made[-1]

    yield start_one
    for one in made:
        one.kill()
        assert '"traceback"' not in one.log()


def _let_use_leases(cluster: Cluster) -> None:
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "test-leases", "namespace": NAMESPACE}}
    rule = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "test-leases"}
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}
    for body in (
        {**head, "kind": "Role", "rules": [rule]},
        {**head, "kind": "RoleBinding", "roleRef": reference, "subjects": [subject]},
    ):
        cluster.kubectl("apply", "--filename=-", stdin=json.dumps(body))


@pytest.fixture
def lease(installed: Cluster, namespace: Namespace) -> Callable[[], dict[str, Any]]:
    """Gives the spec of the test's Lease."""

    def read() -> dict[str, Any]:
        found = installed.kubectl("get", "lease", namespace.name, f"--namespace={NAMESPACE}", "--output=json")
        spec: dict[str, Any] = json.loads(found)["spec"]
        return spec

    return read


def leads(operator: OperatorProcess) -> bool:
    return operator.metric("sdpipeline_operator_leader") == 1


def reconciles(operator: OperatorProcess) -> float:
    return operator.metric("sdpipeline_operator_reconciles_total", result="ok")


def test_one_works_and_the_other_is_ready_to(start: Start, pipelines: PipelineClient) -> None:
    first, second = start(), start()
    eventually(lambda: leads(first), "the first works")
    pipelines.apply(EXAMPLE["spec"])
    eventually(lambda: pipelines.names("deployments") == CHILDREN, "the children are there")
    eventually(lambda: reconciles(first), "the reconcile is counted")
    assert not leads(second)
    assert reconciles(second) == 0


def test_when_the_one_that_works_dies_the_other_works_within_thirty_seconds(
    start: Start, pipelines: PipelineClient
) -> None:
    first, second = start(), start()
    eventually(lambda: leads(first), "the first works")
    first.kill()
    pipelines.apply(EXAMPLE["spec"])
    eventually(lambda: pipelines.names("deployments") == CHILDREN, "the second makes the children", seconds=30)
    assert leads(second)


def test_one_that_is_asked_to_stop_hands_over_at_once(
    start: Start, pipelines: PipelineClient, lease: Callable[[], dict[str, Any]]
) -> None:
    first, second = start(), start()
    eventually(lambda: leads(first), "the first works")
    pipelines.apply(EXAMPLE["spec"])
    eventually(lambda: pipelines.names("deployments") == CHILDREN, "the children are there")
    began = time.monotonic()
    assert first.stop() == 0
    eventually(lambda: leads(second), "the second works", seconds=10)
    # Well before the Lease would have run out.
    assert time.monotonic() - began < 6
    assert lease()["holderIdentity"].startswith("operator-1_")
    assert second.stop() == 0
    assert lease()["holderIdentity"] == ""


def test_one_that_waits_stops_when_it_is_asked_to(start: Start, lease: Callable[[], dict[str, Any]]) -> None:
    first, second = start(), start()
    eventually(lambda: leads(first), "the first works")
    assert second.stop() == 0
    assert lease()["holderIdentity"].startswith("operator-0_")


def test_one_that_hung_for_longer_than_its_lease_ends_without_another_request(
    start: Start, pipelines: PipelineClient, lease: Callable[[], dict[str, Any]]
) -> None:
    first, second = start(), start()
    eventually(lambda: leads(first), "the first works")
    pipelines.apply(EXAMPLE["spec"])
    eventually(lambda: pipelines.names("deployments") == CHILDREN, "the children are there")
    first.pause()
    eventually(lambda: leads(second), "the second works", seconds=30)
    # News for the first one, which it finds in its sockets as soon as it runs again.
    pipelines.apply({name: EXAMPLE["spec"][name] for name in ("textEncoder", "decoder")})
    remaining = ["sd-decoder", "sd-text-encoder"]
    eventually(lambda: pipelines.names("deployments") == remaining, "the second has done the work")
    before = lease()["leaseTransitions"]
    first.resume()
    assert first.exit_code(seconds=10) == 1
    last = json.loads(first.log().splitlines()[-1])
    assert last["message"].startswith("leadership is lost: ")
    assert last["message"].endswith("; ending at once")
    assert lease()["leaseTransitions"] == before
    assert pipelines.names("deployments") == remaining
    assert leads(second)
