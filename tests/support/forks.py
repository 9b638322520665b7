"""Processes that start at once: forks of one that has imported all that they need.

A start takes seconds else, most of them Python's imports: too long for tests that kill and start a program many times.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from tests.support.eventually import eventually

from devcluster.processes import tied

REPOSITORY: Final = Path(__file__).parents[2]
_DIE_WITH_PARENT: Final = 1


class ForkServer:
    """Runs a module that calls `serve`, and has it fork."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._environment = environment

    def __enter__(self) -> Self:
        paths = [str(REPOSITORY), *(str(REPOSITORY / wing) for wing in ("operator", "serving", "devcluster"))]
        self._process = subprocess.Popen(
            tied([sys.executable, "-m", self._module]),
            env={**self._environment, "PYTHONPATH": ":".join(paths)},
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def fork(self, log: Path, **wanted: object) -> "Fork":
        """Start a process that writes to `log` and calls what the module serves with `wanted`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            print(json.dumps({"log": str(log), "wanted": wanted}), file=self._process.stdin, flush=True)
            return Fork(int(self._process.stdout.readline()))


class Fork:
    """A started process."""

    def __init__(self, number: int) -> None:
        self._number = number

    def kill(self) -> None:
        """End it with SIGKILL, if it still runs, and wait until it is gone."""
        with suppress(ProcessLookupError):
            self.send(signal.SIGKILL)
        eventually(lambda: not self.runs, "the process is gone")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self._number, number)

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return Path(f"/proc/{self._number}").exists()


def serve(become: Callable[..., object]) -> None:
    """Fork a process that calls `become` for each line of standard input, and answer its process id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is forgotten at once
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _call(become, **json.loads(line))
        print(child, flush=True)  # noqa: T201 - the answer


def _call(become: Callable[..., object], log: str, wanted: Mapping[str, Any]) -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(sink, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    become(**wanted)
    os._exit(0)
