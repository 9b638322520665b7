"""The memory of a pod, as the kernel counts it."""

from pathlib import Path

from devcluster import cgroups


def working_set(cluster: str, uid: str) -> int:
    """What the pod has of the memory, in bytes, without the cached files that are given up first; 0 without the pod."""
    group = _group(cluster, uid)
    if group is None:
        return 0
    try:
        (usage,) = (path for name in ("memory.usage_in_bytes", "memory.current") if (path := group / name).exists())
        return int(usage.read_text()) - _inactive_files(group)
    except (OSError, ValueError):
        return 0  # It has just ended.


def _inactive_files(group: Path) -> int:
    lines = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return int(lines.get("total_inactive_file", lines.get("inactive_file", 0)))


def _group(cluster: str, uid: str) -> Path | None:
    for hierarchy in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")):
        found = next((hierarchy / cgroups.parent(cluster).strip("/")).glob(f"kubepods/**/pod{uid}"), None)
        if found is not None:
            return found
    return None
