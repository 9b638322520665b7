"""What is told about a pipeline as Events: the news, each once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from sdp_operator.api.v1alpha1 import Condition
from sdp_operator.conditions import ROLLED_BACK
from sdp_operator.reasons import IN_PROGRESS, Reason
from sdp_operator.status import transitions
from sdp_operator.swap.progress import Step
from sdp_serving.contract.components import Component

_OVER: Final = frozenset({Step.DONE, Step.WATCHING, Step.ROLLED_BACK})


@dataclass(frozen=True)
class Notice:
    """Something that has happened.

    Attributes:
        subject: to what: a condition or a component.
        reason: what, in one word.
        message: what, in a sentence.
        status: of a condition: what it is now.
        is_warning: whether somebody may have to act.
    """

    subject: str
    reason: str
    message: str
    status: str | None = None
    is_warning: bool = False

    @classmethod
    def of(cls, condition: Condition) -> Self:
        """The change of a condition."""
        is_good = condition.status == "True" and condition.type != ROLLED_BACK
        is_warning = not is_good and condition.reason not in IN_PROGRESS
        return cls(condition.type, condition.reason, condition.message, condition.status, is_warning)

    def __str__(self) -> str:
        """As it is logged."""
        subject = self.subject if self.status is None else f"{self.subject} is {self.status}"
        return f"{subject} ({self.reason}): {self.message}"


def notices(previous: Mapping[str, Any], current: Mapping[str, Any]) -> Sequence[Notice]:
    """What is to be told, by the status before and the present one."""
    return [
        *(Notice.of(condition) for condition in transitions(previous, current)),
        *_choices(previous, current),
    ]


def _choices(previous: Mapping[str, Any], current: Mapping[str, Any]) -> Sequence[Notice]:
    """The strategies of swaps that have been chosen since."""
    found = []
    for component in Component:
        before, now = ((status.get(component.field) or {}).get("swap") or {} for status in (previous, current))
        is_new = "strategy" not in before or before["step"] in _OVER or before["strategy"] != now.get("strategy")
        if "strategy" in now and now["step"] not in _OVER and is_new:
            found.append(Notice(component.field, Reason.SWAP_STRATEGY, f"{now['strategy']}, since {now['reason']}"))
    return found
