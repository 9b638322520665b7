"""Bringing a cluster up and taking it down, so that nothing is left of it."""

import datetime as dt
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from devcluster import cgroups, control_plane, debian, host_network, namespaces, node, processes, programs
from devcluster.addresses import Addresses
from devcluster.certificates import Authority
from devcluster.cluster import Cluster
from devcluster.console import done, step
from devcluster.errors import ClusterError
from devcluster.lock import locked, locked_or_refused
from devcluster.paths import ClusterPaths, cache_dir


@dataclass(frozen=True)
class Record:
    """What `up` has begun and how far it came.

    Attributes:
        slot: the address range of the node; None for a cluster without one.
        ready: `up` came to its end.
        kubectl: the program of the cluster's version, so that access never needs a build.
    """

    slot: int | None
    ready: bool
    kubectl: str = "kubectl"


def prepare(*, with_node: bool) -> programs.Programs:
    """Build and install every program that a cluster needs.

    Raises:
        ClusterError: something can't be had here.
    """
    if with_node:
        if os.geteuid() != 0:
            raise ClusterError("A node needs root: run this with sudo, or without a node (--control-plane-only).")
        debian.provide(debian.NODE_PROGRAMS)
        return programs.provide([programs.KUBERNETES, programs.CONTAINERD, programs.CNI, programs.ADDONS])
    return programs.provide(programs.control_plane_modules())


def up(name: str, *, with_node: bool) -> Cluster:
    """Start the cluster, or find that it runs already.

    Raises:
        ClusterError: it can't be started; nothing is left of the try.
    """
    paths = ClusterPaths.of(name)
    with locked_or_refused(paths.lock, f"The cluster {name}"):
        return _up(paths, prepare(with_node=with_node), with_node=with_node)


def down(name: str) -> None:
    """Stop the cluster and remove everything but its images; without a cluster nothing happens.

    Raises:
        ClusterError: someone uses it, or a part of it can't be removed.
    """
    paths = ClusterPaths.of(name)
    with locked_or_refused(paths.lock, f"The cluster {name}"):
        _down(paths)
        paths.lock.unlink(missing_ok=True)


@contextmanager
def session(name: str, *, with_node: bool, audited_user: str | None = None) -> Iterator[Cluster]:
    """Give a cluster to one user for the length of a `with` block, whatever was there of that name before.

    Args:
        name: the cluster's.
        with_node: whether pods can run.
        audited_user: whose every request the API server records in the audit log; None for nobody's.

    Raises:
        ClusterError: it can't be started, or another process uses it.
    """
    paths = ClusterPaths.of(name)
    with locked_or_refused(paths.lock, f"The cluster {name}"):
        tools = prepare(with_node=with_node)
        _down(paths)
        try:
            yield _up(paths, tools, with_node=with_node, audited_user=audited_user)
        finally:
            _down(paths)
            paths.lock.unlink(missing_ok=True)


def remove_abandoned(prefix: str) -> None:
    """Remove what is left of the clusters whose name begins with `prefix` and whose user has died."""
    for state in sorted((cache_dir() / "cluster").glob(f"{prefix}*/")):
        try:
            down(state.name)
        except ClusterError:
            continue  # Someone uses it.


def names() -> list[str]:
    """Give the names of all clusters of which something is there."""
    return sorted(path.name for path in (cache_dir() / "cluster").glob("*/"))


def read_record(paths: ClusterPaths) -> Record | None:
    """Give what `up` wrote down, or None where it never came so far."""
    try:
        return Record(**json.loads(paths.record.read_text()))
    except FileNotFoundError:
        return None


def serves(name: str) -> bool:
    """Tell whether the cluster answers and its node, if it has one, takes pods."""
    try:
        cluster = access(name)
        cluster.kubectl("get", "--raw=/readyz", "--request-timeout=5s")
        return not cluster.has_node or node.is_ready(cluster)
    except ClusterError:
        return False


def access(name: str) -> Cluster:
    """Give access to a cluster that runs already.

    Raises:
        ClusterError: it does not run.
    """
    paths = ClusterPaths.of(name)
    record = read_record(paths)
    if record is None or not record.ready:
        raise ClusterError(f"The cluster {name} is not up: start it with `python -m devcluster up --name {name}`.")
    return Cluster(name, paths.kubeconfig, record.kubectl, has_node=record.slot is not None)


def node_of(cluster: Cluster) -> namespaces.Namespaces:
    """Give the way into the cluster's node.

    Raises:
        ClusterError: it has none.
    """
    return namespaces.enter(ClusterPaths.of(cluster.name), programs.provide([programs.CONTAINERD]))


def _up(paths: ClusterPaths, tools: programs.Programs, *, with_node: bool, audited_user: str | None = None) -> Cluster:
    cluster = Cluster(paths.name, paths.kubeconfig, tools.control_plane("kubectl"), has_node=with_node)
    if serves(paths.name):
        if access(paths.name).has_node != with_node:
            kind = "without" if with_node else "with"
            raise ClusterError(
                f"The cluster {paths.name} is up {kind} a node: take it down first, or use another name."
            )
        done(f"The cluster {paths.name} is up already")
        return cluster
    _down(paths)
    try:
        _start(paths, tools, cluster, audited_user)
    except ClusterError as error:
        logs = _keep_logs(paths)
        _down(paths)
        raise ClusterError(f"{error}\nAll logs are in {logs}") from None
    except BaseException:
        _down(paths)
        raise
    return cluster


def _start(paths: ClusterPaths, tools: programs.Programs, cluster: Cluster, audited_user: str | None) -> None:
    record = _begin(paths, cluster)
    for folder in (paths.pki, paths.configs, paths.logs, paths.run):
        folder.mkdir(mode=0o700)
    authority = Authority(paths.pki, dt.datetime.now(dt.UTC))
    if record.slot is None:
        step(f"Starting the control plane {paths.name}")
        endpoint = control_plane.on_loopback()
        control_plane.launch(paths, tools, authority, endpoint, audited_user=audited_user)
    else:
        addresses = Addresses(record.slot)
        endpoint = control_plane.on_link(addresses)
        step(f"Starting the control plane {paths.name}")
        host_network.guard(addresses)
        inside = namespaces.create(paths, tools)
        host_network.connect(addresses, inside.pid)
        node.configure_network(inside, addresses)
        control_plane.launch(paths, tools, authority, endpoint, audited_user=audited_user)
        step("Starting the node")
        node.launch(inside, cluster, authority, endpoint, addresses)
    _write_record(paths, replace(record, ready=True))
    kubectl = Path(cluster.kubectl_program).parent
    done(f"The cluster {paths.name} is up: export KUBECONFIG={paths.kubeconfig} PATH={kubectl}:$PATH")


def _begin(paths: ClusterPaths, cluster: Cluster) -> Record:
    # Two clusters that start at once must not choose the same slot.
    with locked(paths.clusters / ".slots.lock"):
        taken = {
            record.slot
            for name in names()
            if (record := read_record(ClusterPaths.of(name))) and record.slot is not None
        }
        slot = host_network.free_slot(taken) if cluster.has_node else None
        record = Record(slot, ready=False, kubectl=cluster.kubectl_program)
        paths.state.mkdir(mode=0o700)
        _write_record(paths, record)
    return record


def _down(paths: ClusterPaths) -> None:
    processes.kill(paths.state)
    record = read_record(paths)
    if record is not None and record.slot is not None:
        cgroups.remove(paths.name)
        host_network.disconnect(Addresses(record.slot))
    if paths.state.exists():
        shutil.rmtree(paths.state)


def _write_record(paths: ClusterPaths, record: Record) -> None:
    new = paths.record.with_suffix(".new")
    new.write_text(json.dumps(asdict(record)))
    new.replace(paths.record)


def _keep_logs(paths: ClusterPaths) -> Path:
    kept = paths.cache / "failed" / paths.name
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    if paths.logs.exists():
        shutil.copytree(paths.logs, kept, dirs_exist_ok=True)
    return kept
