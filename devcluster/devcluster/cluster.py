"""A running cluster, as its users see it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from devcluster.errors import ClusterError


@dataclass(frozen=True)
class Cluster:
    """Access to a running cluster as its administrator."""

    name: str
    kubeconfig: Path
    kubectl_program: str
    has_node: bool

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and give what it prints.

        Raises:
            ClusterError: it failed; the message holds the command and kubectl's own words.
        """
        argv = [self.kubectl_program, f"--kubeconfig={self.kubeconfig}", *arguments]
        result = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
        if result.returncode:
            raise ClusterError(f"`kubectl {' '.join(arguments)}` failed: {result.stderr.strip()}")
        return result.stdout
