"""The operator as a process of its own that starts at once."""

import os
from collections.abc import Mapping
from pathlib import Path

from tests.support.forks import Fork, ForkServer

__all__ = ["Fork", "Forks"]


class Forks(ForkServer):
    """Starts operators."""

    def __init__(self) -> None:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("SDP_")}
        super().__init__("tests.support.operator_fork", plain)

    def start(self, settings: Mapping[str, str], log: Path) -> Fork:
        """Start an operator with these environment variables, and do not wait until it is ready."""
        return self.fork(log, settings=dict(settings))


def _become_an_operator(settings: Mapping[str, str]) -> None:
    from sdp_operator.__main__ import main

    os.environ.update(settings)
    main(["run"])


if __name__ == "__main__":
    from tests.support.forks import serve

    import sdp_operator.process  # noqa: F401 - imported once, for all forks

    serve(_become_an_operator)
