"""The control groups under which kubelet puts the cluster's pods."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from devcluster.errors import ClusterError
from devcluster.waiting import wait_for

_ROOT = Path("/sys/fs/cgroup")


def parent(cluster: str) -> str:
    """Give kubelet's cgroupRoot for the cluster."""
    return f"/sdpipeline/{cluster}"


def create(cluster: str) -> None:
    """Make the cluster's group in every hierarchy; kubelet refuses to start below a group that is not there."""
    for hierarchy in _hierarchies():
        group = hierarchy
        for part in parent(cluster).strip("/").split("/"):
            group /= part
            group.mkdir(exist_ok=True)
            # In version 1 a new group of this hierarchy has no processors and no memory, and so takes no process.
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (group.parent / setting).exists() and not (group / setting).read_text().strip():
                    (group / setting).write_text((group.parent / setting).read_text())


def remove(cluster: str) -> None:
    """Remove the cluster's groups, after waiting for the last of their processes to end.

    Raises:
        ClusterError: a process stays.
    """
    wait_for(f"the control groups of {cluster} to be empty", lambda: _try_to_remove(cluster), seconds=30)


def _try_to_remove(cluster: str) -> bool:
    for hierarchy in _hierarchies():
        top = hierarchy / parent(cluster).strip("/")
        # The deepest first: a group with children can't be removed.
        for group in sorted((path for path in (top, *top.rglob("*")) if path.is_dir()), reverse=True):
            try:
                group.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False
        with contextlib.suppress(OSError):  # Another cluster has its group there.
            top.parent.rmdir()
    return True


def _hierarchies() -> Iterator[Path]:
    if (_ROOT / "cgroup.controllers").exists():
        yield _ROOT
    elif _ROOT.is_dir():
        yield from (path for path in sorted(_ROOT.iterdir()) if path.is_dir() and not path.is_symlink())
    else:
        raise ClusterError(f"{_ROOT} is missing: the node needs control groups, mount them first.")
