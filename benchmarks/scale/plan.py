"""What is measured: how many pipelines, applied how, how often."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Plan:
    """One size.

    Attributes:
        pipelines: how many there are at the same time.
        together: apply them all at once; else each when the one before is Ready.
        rounds: how often they are applied, with all of them deleted in between.
        edits: how many one-field edits follow, one after the other.
        idle_seconds: how long it is then watched doing nothing.
    """

    pipelines: int
    together: bool
    rounds: int
    edits: int
    idle_seconds: float


FULL: Final = (
    Plan(1, together=False, rounds=10, edits=30, idle_seconds=60),
    Plan(10, together=False, rounds=3, edits=30, idle_seconds=60),
    Plan(100, together=True, rounds=1, edits=50, idle_seconds=60),
    Plan(500, together=True, rounds=1, edits=50, idle_seconds=600),
)

QUICK: Final = (
    Plan(1, together=False, rounds=2, edits=5, idle_seconds=30),
    Plan(10, together=False, rounds=1, edits=10, idle_seconds=30),
)
