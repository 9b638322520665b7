"""What benchmarks keep in their results.json."""

import math
from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A part of the results."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Seconds(Value):
    """How long something took: the median, the 99th percentile (the longest, with fewer than 100 samples)."""

    p50: float
    p99: float
    samples: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Self:
        """Sum the samples up, of which there must be one."""
        ordered = sorted(samples)
        return cls(p50=_nearest_rank(ordered, 0.50), p99=_nearest_rank(ordered, 0.99), samples=len(ordered))


def _nearest_rank(ordered: Sequence[float], share: float) -> float:
    return round(ordered[math.ceil(share * len(ordered)) - 1], 4)
