"""What a benchmark should reach, and whether it did."""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.common.report import table


@dataclass(frozen=True)
class Goal:
    """One goal.

    Attributes:
        text: what should be.
        measured: what is.
        met: whether that is good enough.
    """

    text: str
    measured: str
    met: bool


def goals_table(goals: Iterable[Goal]) -> list[str]:
    """The goals as a table of Markdown; nothing where none was judged."""
    judged = [(goal.text, goal.measured, "pass" if goal.met else "**miss**") for goal in goals]
    return [table(("Goal", "Measured", ""), judged)] if judged else []
