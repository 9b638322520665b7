"""The stand-in model server as a process of its own that starts at once, with TensorFlow."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.forks import Fork, ForkServer


class StandIns(ForkServer):
    """Starts stand-ins."""

    def __init__(self) -> None:
        super().__init__("tests.support.standin_fork", os.environ)

    def start(self, flags: Sequence[str], log: Path) -> Fork:
        """Start one with these flags, and do not wait until it serves."""
        return self.fork(log, flags=list(flags))


def _become_a_standin(flags: Sequence[str]) -> None:
    from sdp_serving.standin.__main__ import main

    sys.argv[1:] = flags
    main()


if __name__ == "__main__":
    from tests.support.forks import serve

    from sdp_serving.standin.tensorflow_start import start_lean

    start_lean()
    import sdp_serving.standin.server  # noqa: F401 - imported once, for all forks

    serve(_become_a_standin)
