"""The operator, installed as users install it and run under its own ServiceAccount."""

import json
from collections.abc import Iterator

import pytest
from tests.support.chart import NAMESPACE, OPERATOR, REPOSITORY, install
from tests.support.eventually import eventually
from tests.support.kubelet import Kubelet
from tests.support.operator_process import OperatorProcess, service_account_kubeconfig
from tests.support.pipeline_client import PipelineClient

from devcluster.cluster import Cluster
from devcluster.pytest_plugin import Namespace


@pytest.fixture(scope="session")
def installed(control_plane: Cluster) -> Cluster:
    """The cluster after `helm install`, in a namespace that refuses pods below the restricted level."""
    control_plane.kubectl("apply", "--filename", str(REPOSITORY / "deploy" / "base" / "namespace.yaml"))
    install(control_plane)
    return control_plane


@pytest.fixture(scope="session")
def _process(installed: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    folder = tmp_path_factory.mktemp("operator")
    kubeconfig = service_account_kubeconfig(installed, folder, namespace=NAMESPACE, account=OPERATOR)
    process = OperatorProcess(kubeconfig, folder / "operator.log")
    yield process
    process.kill()


@pytest.fixture
def operator(_process: OperatorProcess) -> Iterator[OperatorProcess]:
    """The operator, alive."""
    _process.start()
    yield _process
    assert "Traceback" not in _process.log()


@pytest.fixture
def pipelines(installed: Cluster, namespace: Namespace) -> PipelineClient:
    """What a user does with pipelines in the test's namespace."""
    eventually(
        lambda: json.loads(namespace.kubectl("get", "serviceaccounts", "--output=json"))["items"],
        "the namespace takes pods",
    )
    return PipelineClient(namespace)


@pytest.fixture
def kubelet(namespace: Namespace) -> Iterator[Kubelet]:
    """A node for the test's pods."""
    kubelet = Kubelet(namespace)
    kubelet.join()
    yield kubelet
    kubelet.leave()
