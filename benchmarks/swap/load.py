"""Requests that come all the time while models are swapped."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from benchmarks.swap.models import Model, Picture, drawn_by
from sdp_serving.client import PipelineError

_AT_ONCE: Final = 256
"""As many as come in a minute without a single answer."""
_PAUSE_SECONDS: Final = 0.25
_LATE_SECONDS: Final = 2.0

Ask = Callable[[], Picture]


@dataclass(frozen=True)
class Sample:
    """A request of the load.

    Attributes:
        due: when it was to begin, on the monotonic clock. One that began late has waited for a free thread.
        seconds: from then to its answer.
        model: which model has answered; None when the request failed.
        error: why it failed.
    """

    due: float
    seconds: float
    model: Model | None
    error: str = ""

    @property
    def answered(self) -> float:
        """When the answer came."""
        return self.due + self.seconds


@dataclass
class Load:
    """What has come of the load so far."""

    samples: list[Sample] = field(default_factory=list)
    due: set[float] = field(default_factory=set)
    """When those that have not come yet were to begin."""

    def has_caught_up(self) -> bool:
        """Whether no request has been waiting for long."""
        return min(self.due.copy(), default=math.inf) > time.monotonic() - _LATE_SECONDS

    def between(self, start: float, end: float) -> Sequence[Sample]:
        """The requests that were to begin in this time."""
        return [sample for sample in list(self.samples) if start <= sample.due < end]

    def first_answer(self, model: Model, since: float) -> float | None:
        """When the first answer of `model` came after `since`; None if none has."""
        answers = (one.answered for one in list(self.samples) if one.model is model and one.answered > since)
        return min(answers, default=None)


@contextmanager
def steady_load(ask: Ask, a_second: float) -> Iterator[Load]:
    """Ask for so many pictures a second for the length of a `with` block, whether or not those before have come.

    At its end all have come, or have failed.
    """
    load, stop = Load(), threading.Event()
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="load") as pool:

        def send() -> None:
            due = time.monotonic()
            while not stop.wait(max(0.0, due - time.monotonic())):
                load.due.add(due)
                pool.submit(_request, ask, due, load)
                due += 1 / a_second

        with _running(send, stop):
            yield load


@contextmanager
def unhurried_load(ask: Ask) -> Iterator[Load]:
    """Ask for pictures one after the other for the length of a `with` block, however slow the machine is."""
    load, stop = Load(), threading.Event()

    def send() -> None:
        while not stop.wait(_PAUSE_SECONDS):
            _request(ask, time.monotonic(), load)

    with _running(send, stop):
        yield load


@contextmanager
def _running(send: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    sender = threading.Thread(target=send, name="sender")
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join()


def _request(ask: Ask, due: float, load: Load) -> None:
    model, error = None, ""
    try:
        picture = ask()
    except PipelineError as failure:
        error = str(failure)
    else:
        model = drawn_by(picture)
    load.samples.append(Sample(due, time.monotonic() - due, model, error))
    load.due.discard(due)
