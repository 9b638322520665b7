"""A cluster on which nothing is installed."""

import os
from collections.abc import Iterator

import pytest
from tests.support.chart import NAMESPACE, REPOSITORY

from devcluster import lifecycle
from devcluster.cluster import Cluster
from devcluster.helm import helm


@pytest.fixture(scope="session")
def _control_plane() -> Iterator[Cluster]:
    """One for these tests alone: the definition is the whole cluster's, and other tests need it to stay."""
    lifecycle.remove_abandoned("test-chart-")
    with lifecycle.session(f"test-chart-{os.getpid()}", with_node=False) as cluster:
        yield cluster


@pytest.fixture
def empty(_control_plane: Cluster) -> Iterator[Cluster]:
    """A control plane without the operator and the definition, before and after the test."""
    yield _control_plane
    for release in helm("list", "--all-namespaces", "--short", cluster=_control_plane).split():
        helm("uninstall", release, f"--namespace={NAMESPACE}", cluster=_control_plane)
    rest = [
        f"--filename={REPOSITORY / part}"
        for part in ("deploy/base/operator.yaml", "crds/stablediffusionpipelines.yaml")
    ]
    _control_plane.kubectl("delete", "--ignore-not-found", *rest)


@pytest.fixture
def teams(empty: Cluster) -> Cluster:
    """Two namespaces of users."""
    for name in ("team-a", "team-b"):
        empty.kubectl("apply", "--filename=-", stdin=f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}")
    return empty
