"""What the sidecar has found out about models. None of it is needed to go on after it was killed."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sdp_serving.contract.report import NotPulled, Pulled
from sdp_serving.contract.swap import ModelNumber
from sdp_serving.puller.decision import Known

_FIRST_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 60.0
_ENOUGH: Final = 3


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
        self._crashes: Counter[ModelNumber] = Counter()

    def known(self, now: float) -> Known:
        """What decides on the next step."""
        blocked = frozenset(number for number, waiting in self.waiting.items() if waiting.due > now)
        return Known(dict(self.failed), blocked, dict(self.verified), dict(self._crashes))

    def forget_all_but(self, numbers: Collection[ModelNumber]) -> None:
        """Keep only what concerns these models."""
        for memory in (self.failed, self.waiting, self.verified, self._crashes):
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

    def crash(self, number: ModelNumber) -> None:
        """Note that the server ended while it had a candidate."""
        self._crashes[number] += 1
