"""Fixtures: a real control plane, a real node, and a namespace in either for each test.

What they start is taken down also when pytest is interrupted (Ctrl-C, SIGTERM, SIGHUP, a time-out). After a kill -9
the next run finds what was left and removes it.
"""

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import pytest

from devcluster import lifecycle
from devcluster.cluster import Cluster
from devcluster.errors import ClusterError

# Each run has a control plane of its own. The node keeps its name, and so the images that were loaded into it.
_CONTROL_PLANE_PREFIX = "test-"
_NODE_CLUSTER = "e2e"


@dataclass(frozen=True)
class Namespace:
    """A namespace that belongs to one test."""

    cluster: Cluster
    name: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the namespace and give what it prints.

        Raises:
            ClusterError: it failed.
        """
        return self.cluster.kubectl(f"--namespace={self.name}", *arguments, stdin=stdin)


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Cluster]:
    """A Kubernetes without a node: objects live, controllers work, pods stay Pending. Needs no root."""
    lifecycle.remove_abandoned(_CONTROL_PLANE_PREFIX)
    with _running(f"{_CONTROL_PLANE_PREFIX}{os.getpid()}", with_node=False) as cluster:
        yield cluster


@pytest.fixture
def namespace(control_plane: Cluster) -> Iterator[Namespace]:
    """A namespace of the control plane, deleted after the test."""
    with _namespace(control_plane) as made:
        yield made


@pytest.fixture(scope="session")
def node_cluster() -> Iterator[Cluster]:
    """A Kubernetes with a node on which pods really run. Needs root; any other cluster may be up."""
    with _running(_NODE_CLUSTER, with_node=True) as cluster:
        yield cluster


@pytest.fixture
def node_namespace(node_cluster: Cluster) -> Iterator[Namespace]:
    """A namespace of the cluster with a node, deleted after the test."""
    with _namespace(node_cluster) as made:
        yield made


@contextmanager
def _running(name: str, *, with_node: bool) -> Iterator[Cluster]:
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with lifecycle.session(name, with_node=with_node) as cluster:
            yield cluster
    except ClusterError as error:
        pytest.fail(str(error), pytrace=False)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _namespace(cluster: Cluster) -> Iterator[Namespace]:
    name = f"test-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", name)
    try:
        yield Namespace(cluster, name)
    finally:
        # It goes on by itself; the next test has another one.
        cluster.kubectl("delete", "namespace", name, "--wait=false")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
