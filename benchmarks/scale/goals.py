"""What the operator should reach, and whether it did."""

from collections.abc import Iterator
from typing import Final

from benchmarks.common.goals import Goal
from benchmarks.scale.results import Results, SizeResult

_LINEAR: Final = 1.25
"""How much more a pipeline may cost among many than among few: some, since the machine is never quite quiet."""


def goals(results: Results) -> Iterator[Goal]:
    """Judge the goals whose sizes were measured."""
    if ten := results.size(10):
        took = ten.creation.to_children
        yield Goal("10 pipelines: apply to children, p50 under 0.3 s", f"{took.p50:.2f} s", took.p50 < 0.3)
        yield Goal("10 pipelines: apply to children, p99 under 1 s", f"{took.p99:.2f} s", took.p99 < 1.0)
    if many := results.size(500):
        seconds, peak = many.creation.all_children, many.memory.peak
        yield Goal("500 pipelines at once: all children in under 60 s", f"{seconds:.1f} s", seconds < 60)
        yield Goal("500 pipelines: memory under 250 MB, at its highest", f"{peak:.0f} MB", peak < 250)
    writes = sum(size.idle.requests.writes for size in results.sizes)
    reads = sum(size.idle.requests.reads for size in results.sizes)
    yield Goal("Idle: no write", f"{writes}", writes == 0)
    yield Goal("Idle: no read but by watches", f"{reads}", reads == 0)
    together = [size for size in results.sizes if size.together]
    if len(together) > 1:
        few, many = together[0], together[-1]
        text = f"{few.pipelines} to {many.pipelines} pipelines: no worse than linear in"
        for what, one, other in (
            ("time to all children", few.creation.all_children, many.creation.all_children),
            ("CPU time", few.creation.cpu_seconds, many.creation.cpu_seconds),
            ("requests", float(few.creation.requests.total), float(many.creation.requests.total)),
        ):
            growth = _growth(few, one, many, other)
            yield Goal(f"{text} {what}", f"{growth:.2f} times as much a pipeline", growth <= _LINEAR)


def _growth(few: SizeResult, one: float, many: SizeResult, other: float) -> float:
    return (other / many.pipelines) / (one / few.pipelines)
