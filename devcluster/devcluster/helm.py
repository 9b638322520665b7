"""Helm, which renders the chart and installs it in tests; `python -m devcluster.helm ARGUMENTS` runs it."""

import os
import subprocess
import sys
from pathlib import Path

from devcluster.cluster import Cluster
from devcluster.errors import ClusterError
from devcluster.programs import HELM, provide


def program() -> Path:
    """Give the path of helm; the first time it is built.

    Raises:
        ClusterError: it can't be built.
    """
    return provide([HELM]).built("helm")


def helm(*arguments: str, cluster: Cluster | None = None) -> str:
    """Run helm and give what it prints.

    Args:
        arguments: the command and its options.
        cluster: where to, for the commands that need one.

    Raises:
        ClusterError: it failed; the message holds the command and helm's own words.
    """
    access = [] if cluster is None else [f"--kubeconfig={cluster.kubeconfig}"]
    result = subprocess.run([program(), *access, *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise ClusterError(f"`helm {' '.join(arguments)}` failed: {result.stderr.strip()}")
    return result.stdout


if __name__ == "__main__":
    try:
        path = program()
    except ClusterError as error:
        raise SystemExit(str(error)) from None
    os.execv(path, ["helm", *sys.argv[1:]])  # noqa: S606 - no shell is wanted
