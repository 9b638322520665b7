"""A control plane of the benchmark's own, with KWOK's nodes and the operator as users install it."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.common.machine import REPOSITORY
from benchmarks.common.usage import others_cpu_seconds
from benchmarks.scale import operator_process
from benchmarks.scale.audit import AuditLog
from benchmarks.scale.objects import NAMESPACE
from devcluster import lifecycle, processes, programs
from devcluster.cluster import Cluster
from devcluster.errors import ClusterError
from devcluster.paths import ClusterPaths
from devcluster.waiting import wait_for

_PREFIX: Final = "benchmark-"
_STAGES: Final = Path(__file__).with_name("stages.yaml")
_CRD: Final = "crd/stablediffusionpipelines.sdpipeline.dev"
_LEASE_SECONDS: Final = 120
"""A node's Lease is renewed four times as often, which must be within the 50 s after which it counts as lost."""


@dataclass(frozen=True)
class Rig:
    """What is measured, and what it runs on."""

    cluster: Cluster
    operator: int
    audit: AuditLog

    @property
    def cores(self) -> int:
        """How many CPUs the machine has."""
        return os.cpu_count() or 1

    def others_cpu_seconds(self) -> float:
        """Give the CPU time that processes which have nothing to do with the benchmark have taken."""
        ours = processes.find(ClusterPaths.of(self.cluster.name).state)
        return others_cpu_seconds([os.getpid(), self.operator, *ours])


@contextmanager
def running_rig(nodes: Sequence[Mapping[str, Any]]) -> Iterator[Rig]:
    """Bring up a cluster with these nodes and the operator for the length of a `with` block.

    Raises:
        ClusterError: something does not come up.
    """
    lifecycle.remove_abandoned(_PREFIX)
    kwok = programs.provide([programs.KWOK]).built("kwok")
    name = f"{_PREFIX}{os.getpid()}"
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX) as folder,
        lifecycle.session(name, with_node=False, audited_user=operator_process.USER) as cluster,
    ):
        paths = ClusterPaths.of(name)
        _start_kwok(kwok, paths)
        _install(cluster)
        _join(cluster, nodes)
        with operator_process.running(cluster, Path(folder)) as operator:
            yield Rig(cluster, operator, AuditLog(paths.audit_log))


def _start_kwok(program: Path, paths: ClusterPaths) -> None:
    processes.start(
        "kwok",
        [
            str(program),
            f"--kubeconfig={paths.kubeconfig}",
            f"--config={_STAGES}",
            "--manage-all-nodes",
            f"--node-lease-duration-seconds={_LEASE_SECONDS}",
        ],
        mark=paths.state,
        logs=paths.logs,
    )


def _install(cluster: Cluster) -> None:
    manifests = yaml.safe_load_all(cluster.kubectl("kustomize", str(REPOSITORY / "deploy")))
    # The operator runs as a process here; its Deployment would get a pod that KWOK only acts out.
    wanted = [manifest for manifest in manifests if manifest["kind"] != "Deployment"]
    cluster.kubectl("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(wanted))
    cluster.kubectl("wait", "--for=condition=Established", _CRD, "--timeout=30s")
    # Established is not yet served: the API server's list of kinds comes later, and then it opens the new kind's store.
    wait_for("the API server to serve pipelines", lambda: _serves_pipelines(cluster), seconds=30)
    cluster.kubectl("create", "namespace", NAMESPACE)


def _serves_pipelines(cluster: Cluster) -> bool:
    try:
        cluster.kubectl("get", "sdpipelines", "--all-namespaces")
    except ClusterError:
        return False
    return True


def _join(cluster: Cluster, nodes: Sequence[Mapping[str, Any]]) -> None:
    every = {"apiVersion": "v1", "kind": "List", "items": list(nodes)}
    cluster.kubectl("create", "--filename=-", stdin=json.dumps(every))
    cluster.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=120s")
