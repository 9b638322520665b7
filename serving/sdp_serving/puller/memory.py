"""What the sidecar has found out about models. None of it is needed to go on after it was killed."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sdp_serving.contract.report import NotPulled, Pulled
from sdp_serving.contract.swap import ModelNumber
from sdp_serving.puller.decision import Known, Shown
from sdp_serving.puller.model_server import Status

_FIRST_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 60.0
_ENOUGH: Final = 3
_REST: Final = 5.0
"""After which a server has seen that a model was withdrawn: it looks every second."""


@dataclass(frozen=True)
class Waiting:
    """Something that may pass keeps a model.

    Attributes:
        trouble: what.
        tries: how often it was met.
        due: when to try again.
    """

    trouble: NotPulled
    tries: int
    due: float

    @property
    def is_lasting(self) -> bool:
        """Whether it has been met so often that the model must be what is bad."""
        return not self.trouble.reason.may_pass and self.tries >= _ENOUGH


class Memory:
    """By the models' numbers, of which none is used twice."""

    def __init__(self) -> None:
        self.failed: dict[ModelNumber, NotPulled] = {}
        self.waiting: dict[ModelNumber, Waiting] = {}
        self.verified: dict[ModelNumber, Pulled] = {}
        self.crashes: Counter[ModelNumber] = Counter()
        self._resting: dict[ModelNumber, float] = {}
        self._shown: dict[ModelNumber, tuple[float, Status | None]] = {}

    def known(self, now: float) -> Known:
        """What decides on the next step."""
        due = self._resting | {number: waiting.due for number, waiting in self.waiting.items()}
        return Known(
            failed=dict(self.failed),
            blocked=frozenset(number for number, then in due.items() if then > now),
            verified=dict(self.verified),
            crashes=dict(self.crashes),
            shown={number: Shown(now - since, before) for number, (since, before) in self._shown.items()},
        )

    def forget_all_but(self, numbers: Collection[ModelNumber]) -> None:
        """Keep only what concerns these models."""
        for memory in (self.failed, self.waiting, self.verified, self.crashes, self._resting, self._shown):
            for number in memory.keys() - set(numbers):
                del memory[number]

    def verify(self, number: ModelNumber, found: Pulled) -> None:
        """Note what was found in storage."""
        self.verified[number] = found
        self.waiting.pop(number, None)

    def prove(self, number: ModelNumber) -> None:
        """Note that nothing is wrong with a model."""
        self.failed.pop(number, None)
        self.waiting.pop(number, None)

    def fail(self, number: ModelNumber, trouble: NotPulled) -> None:
        """Note that a model is bad."""
        self.failed[number] = trouble
        self.waiting.pop(number, None)

    def wait(self, number: ModelNumber, trouble: NotPulled, now: float) -> Waiting:
        """Note that something keeps a model, for longer each time."""
        tries = self.waiting[number].tries + 1 if number in self.waiting else 1
        pause = min(_FIRST_PAUSE * 2 ** (tries - 1), _LONGEST_PAUSE)
        self.waiting[number] = Waiting(trouble, tries, now + pause)
        return self.waiting[number]

    def lay(self, number: ModelNumber, before: Status | None, now: float) -> None:
        """Note that a model was laid where the server sees it, and what that told of it before."""
        self._shown[number] = (now, before)

    def see(self, numbers: Collection[ModelNumber], now: float) -> None:
        """Note which models the server can see."""
        for number in self._shown.keys() - set(numbers):
            del self._shown[number]
        for number in numbers:
            self._shown.setdefault(number, (now, None))

    def crash(self, number: ModelNumber, now: float) -> None:
        """Note that the server ended while it had a candidate, which has been withdrawn from it."""
        self.crashes[number] += 1
        self._resting[number] = now + _REST
