"""A step that takes its time, in a thread of its own, so that it can be given up at any moment."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sdp_serving.contract.report import NotPulled, Pulled
from sdp_serving.puller.actions import Lengthy


class GivenUpError(Exception):
    """The step is no longer wanted."""


@dataclass(frozen=True)
class Done:
    """The step succeeded, with what was found if it looked for something."""

    found: Pulled | None = None


@dataclass(frozen=True)
class Trouble:
    """The step failed.

    Attributes:
        what: why.
        may_pass: whether to try again.
    """

    what: NotPulled
    may_pass: bool


Outcome = Done | Trouble


class Job:
    """One lengthy step. A job that was given up may go on for a while; nobody asks for its outcome any more."""

    def __init__(self, action: Lengthy, run: Callable[["Job"], Outcome], finished: Callable[[], None]) -> None:
        """Start it.

        Args:
            action: the step.
            run: does it.
            finished: called when there is an outcome.
        """
        self.action = action
        self.outcome: Outcome | None = None
        self.done_bytes = 0
        self.verified: Pulled | None = None
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        self._run = run
        self._finished = finished
        threading.Thread(target=self._do, name=type(action).__name__.lower(), daemon=True).start()

    def give_up(self) -> None:
        """Let it end as soon as it can."""
        self._given_up.set()

    def advance(self, size: int) -> None:
        """Count bytes that arrived, from any thread.

        Raises:
            GivenUpError: nobody wants more.
        """
        if self._given_up.is_set():
            raise GivenUpError
        with self._lock:
            self.done_bytes += size

    def _do(self) -> None:
        try:
            self.outcome = self._run(self)
        except GivenUpError:
            return
        self._finished()
