"""Processes that can be found again after any accident.

Every process of a cluster carries the cluster's mark in its environment, from before its first instruction, and so do
its children. Nothing needs to be written down that a crash could lose: `down` finds by the mark whatever is left.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster.errors import ClusterError
from devcluster.waiting import last_lines, wait_for

_MARK = "SDPIPELINE_CLUSTER"

# Kept so that each can be waited for: an ended child stays in the process table until its parent has asked for it.
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Component:
    """A running program of the cluster, with the log that explains it."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> bool:
        """Return True while the component runs.

        Raises:
            ClusterError: it has ended.
        """
        if self.process.poll() is None:
            return True
        tail = last_lines(self.log)
        if "address already in use" in tail:
            raise ClusterError(f"{self.name} found its port taken in the meantime: run it again.{tail}")
        raise ClusterError(f"{self.name} ended with code {self.process.returncode}.{tail}")


def start(name: str, argv: Sequence[str], *, mark: Path, logs: Path) -> Component:
    """Start a program that outlives this one, in a session of its own so that a Ctrl-C here does not reach it."""
    log = logs / f"{name}.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=os.environ | {_MARK: str(mark)},
            start_new_session=True,
        )
    _children.append(process)
    return Component(name, process, log)


def tied(argv: Sequence[str]) -> list[str]:
    """Give the command that runs `argv` and dies with this process, even by a kill -9."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", *argv] if setpriv else list(argv)


def find(mark: Path) -> dict[int, str]:
    """Give the process ids that carry the mark, with their command names."""
    return dict(_marked(f"{_MARK}={mark}".encode()))


def kill(mark: Path, *, command: str | None = None) -> None:
    """End every process that carries the mark, and all those of the node's process namespace with them.

    SIGKILL, because the cluster's data is thrown away and an API server would drain its watches for a minute.

    Args:
        mark: whose processes.
        command: end only those of this name.

    Raises:
        ClusterError: some of them did not end.
    """

    killed: set[int] = set()

    def gone() -> bool:
        left = [pid for pid, name in find(mark).items() if command in (None, name)]
        killed.update(left)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            except PermissionError:
                raise ClusterError(
                    f"Process {pid} belongs to another user: take the cluster down as that user."
                ) from None
        _children[:] = [child for child in _children if child.poll() is None]
        # Who is ending loses its mark some time before it has ended.
        return not left and not any(child.pid in killed for child in _children)

    wait_for("the cluster's processes to end", gone, seconds=30)


def _marked(needle: bytes) -> Iterator[tuple[int, str]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if needle in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name), (entry / "comm").read_text().strip()
        except OSError:
            continue  # It ended in the meantime, or belongs to another user.
