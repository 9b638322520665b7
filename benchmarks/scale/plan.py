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
    """

    pipelines: int
    together: bool
    rounds: int
    edits: int


FULL: Final = (
    Plan(1, together=False, rounds=10, edits=30),
    Plan(10, together=False, rounds=3, edits=30),
    Plan(100, together=True, rounds=1, edits=50),
    Plan(500, together=True, rounds=1, edits=50),
)
FULL_IDLE_SECONDS: Final = 600.0

QUICK: Final = (Plan(1, together=False, rounds=2, edits=5), Plan(10, together=False, rounds=1, edits=10))
QUICK_IDLE_SECONDS: Final = 60.0
