"""What is measured, how often."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Plan:
    """How often and how long.

    Attributes:
        draws: of four pictures each, by every way, after one that warms up.
        overhead_samples: requests of every kind.
        load_seconds: how long each load lasts.
        previews: streams.
    """

    draws: int
    overhead_samples: int
    load_seconds: float
    previews: int


FULL: Final = Plan(draws=5, overhead_samples=200, load_seconds=30, previews=50)
QUICK: Final = Plan(draws=1, overhead_samples=10, load_seconds=4, previews=3)
