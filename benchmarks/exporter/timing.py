"""How long drawing takes; knows nothing of what draws, so that a process without TensorFlow can use it."""

import resource
import time
from collections.abc import Callable, Mapping
from typing import Any

Draw = Callable[[int, str], object]


def timed(draw: Draw, *, steps: int, pictures: Mapping[str, tuple[int, str]]) -> dict[str, Any]:
    """Draw, and say how long it took.

    Args:
        draw: draws a picture in a number of steps by a sampler.
        steps: how often to draw a picture of one step, after one that warms up.
        pictures: the whole pictures to draw: steps and sampler of each.

    Returns:
        `steps`, the seconds of each picture of one step; `pictures`, the seconds of each whole one; `memory`, the
        most that the process held, in MB.
    """
    draw(1, "ddim")
    return {
        "steps": [_seconds(draw, 1, "ddim") for _ in range(steps)],
        "pictures": {name: _seconds(draw, *picture) for name, picture in pictures.items()},
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }


def _seconds(draw: Draw, steps: int, sampler: str) -> float:
    start = time.perf_counter()
    draw(steps, sampler)
    return time.perf_counter() - start
