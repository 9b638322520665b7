"""The operator behind a proxy that plays the faults of an API server, and nobody else at work."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.api_proxy import ApiProxy
from tests.support.chart import NAMESPACE, OPERATOR
from tests.support.operator_fork import Forks
from tests.support.operator_process import OperatorProcess, service_account_kubeconfig
from tests.support.proxied_operator import ProxiedOperator

from devcluster.cluster import Cluster
from devcluster.pytest_plugin import Namespace


@pytest.fixture(scope="session")
def _forks() -> Iterator[Forks]:
    with Forks() as forks:
        yield forks


@pytest.fixture(scope="session")
def _kubeconfig(installed: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    return service_account_kubeconfig(installed, folder, namespace=NAMESPACE, account=OPERATOR)


@pytest.fixture
def operator(
    _process: OperatorProcess, _forks: Forks, _kubeconfig: Path, namespace: Namespace, tmp_path: Path
) -> Iterator[ProxiedOperator]:
    """The operator, started."""
    _process.kill()  # It would do the work of the one that is hindered.
    with ApiProxy(namespace.cluster.kubeconfig) as proxy:
        operator = ProxiedOperator(_forks, proxy, _kubeconfig, namespace.name, tmp_path)
        operator.start()
        yield operator
        operator.kill()
    lines = operator.log()
    assert not [line for line in lines if "traceback" in line]
