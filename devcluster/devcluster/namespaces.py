"""The node's namespaces: processes, mounts, network and IPC, all ended by ending one process."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster.errors import ClusterError
from devcluster.paths import ClusterPaths
from devcluster.processes import Component, start
from devcluster.programs import Programs, programs_folder
from devcluster.waiting import wait_for

_INIT = Path(__file__).with_name("node_init.sh")
_STATE = Path("/run/cluster")
_PROGRAMS = Path("/run/programs")


@dataclass(frozen=True)
class Namespaces:
    """A way into the node."""

    paths: ClusterPaths
    programs: Programs
    pid: int

    def path(self, outside: Path) -> str:
        """Give the name inside the node of a file in the cluster's state folder."""
        return str(_STATE / outside.relative_to(self.paths.state))

    def program(self, name: str) -> str:
        """Give the name inside the node of one of the cluster's programs."""
        return str(_PROGRAMS / self.programs.built(name).relative_to(programs_folder()))

    def start(self, name: str, arguments: Sequence[str]) -> Component:
        """Start the cluster's program `name` in the node."""
        return start(name, self.command([self.program(name), *arguments]), mark=self.paths.state, logs=self.paths.logs)

    def run(self, argv: Sequence[str], *, stdin: int = subprocess.DEVNULL) -> str:
        """Run a command in the node and give its output.

        Raises:
            ClusterError: it failed.
        """
        result = subprocess.run(self.command(argv), stdin=stdin, capture_output=True, text=True, check=False)
        if result.returncode:
            raise ClusterError(f"`{' '.join(argv)}` failed in the node: {result.stderr.strip()[-2000:]}")
        return result.stdout

    def command(self, argv: Sequence[str]) -> list[str]:
        """Give the command line that runs `argv` in the node."""
        return ["nsenter", f"--target={self.pid}", "--pid", "--mount", "--net", "--ipc", "--", *argv]


def create(paths: ClusterPaths, programs: Programs) -> Namespaces:
    """Make the node's namespaces and wait for their first process.

    Raises:
        ClusterError: the machine does not allow it.
    """
    for folder in (paths.images, paths.state / "kubelet", paths.logs / "node", paths.run):
        folder.mkdir(parents=True, exist_ok=True)
    init = start(
        "node-init",
        [
            *("unshare", "--fork", "--pid", "--mount", "--net", "--ipc"),
            *("sh", str(_INIT)),
            *map(str, (paths.state, paths.images, programs_folder(), programs.built("pause"))),
        ],
        mark=paths.state,
        logs=paths.logs,
    )  # fmt: skip
    pid_file = paths.run / "node.pid"
    wait_for("the node's namespaces", lambda: init.check() and pid_file.exists(), seconds=20, log=init.log)
    return enter(paths, programs)


def enter(paths: ClusterPaths, programs: Programs) -> Namespaces:
    """Give the way into a node that runs already.

    Raises:
        ClusterError: the cluster has no node.
    """
    try:
        return Namespaces(paths, programs, int((paths.run / "node.pid").read_text()))
    except FileNotFoundError:
        raise ClusterError(f"The cluster {paths.name} has no node: take it down and up again with one.") from None
