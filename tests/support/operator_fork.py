"""The operator as a process of its own that starts at once: a fork of one that has imported all that it needs.

A start takes two seconds else, most of it Python's imports: too long for a test that kills an operator a hundred times.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, Self

from tests.support.eventually import eventually

from devcluster.processes import tied

REPOSITORY = Path(__file__).parents[2]
_DIE_WITH_PARENT = 1


class Forks:
    """Starts operators."""

    def __enter__(self) -> Self:
        paths = [str(REPOSITORY), *(str(REPOSITORY / wing) for wing in ("operator", "serving", "devcluster"))]
        self._process = subprocess.Popen(
            tied([sys.executable, "-m", "tests.support.operator_fork"]),
            env={**_plain_environment(), "PYTHONPATH": ":".join(paths)},
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def start(self, settings: Mapping[str, str], log: Path) -> "Fork":
        """Start an operator with these environment variables, and do not wait until it is ready."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"settings": dict(settings), "log": str(log)}), file=self._process.stdin, flush=True)
        return Fork(int(self._process.stdout.readline()))


class Fork:
    """A started operator."""

    def __init__(self, number: int) -> None:
        self._number = number

    def kill(self) -> None:
        """End it with SIGKILL, if it still runs, and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self._number, signal.SIGKILL)
        eventually(lambda: not self.runs, "the operator is gone")

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return Path(f"/proc/{self._number}").exists()


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SDP_")}


def _serve() -> None:
    """Fork an operator for each line of standard input, and answer its process id."""
    import sdp_operator.process  # noqa: F401 - imported once, for all forks

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is forgotten at once
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become_an_operator(**json.loads(line))
        print(child, flush=True)  # noqa: T201 - the answer


def _become_an_operator(settings: Mapping[str, str], log: str) -> NoReturn:
    from sdp_operator.__main__ import main

    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(settings)
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(sink, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    main(["run"])
    os._exit(0)


if __name__ == "__main__":
    _serve()
