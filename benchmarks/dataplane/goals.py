"""What the data plane should reach, and whether it does."""

from collections.abc import Iterator
from typing import Final

from benchmarks.common.goals import Goal
from benchmarks.dataplane.results import Overhead, Overload, Results, WayResult
from benchmarks.dataplane.ways import Way

_FEWER_BYTES: Final = {Way.GATEWAY: 15.0, Way.GATEWAY_JPEG: 50.0}
_LESS_CPU: Final = 10.0
_OVERHEAD_SECONDS: Final = 0.005
_FULL_QUEUES: Final = 2.0
"""How much longer than a full queue takes an answer may take: batches are not always full."""


def goals(results: Results) -> Iterator[Goal]:
    """Judge the goals of what was measured."""
    if seed := results.way(Way.SEED):
        for way, least in _FEWER_BYTES.items():
            if ours := results.way(way):
                yield from _against_seed(seed, ours, least)
    for overhead in results.overheads:
        yield _added(overhead)
    if results.overload is not None:
        yield from _bounded(results.overload)


def _against_seed(seed: WayResult, ours: WayResult, least: float) -> Iterator[Goal]:
    fewer, less = seed.moved / ours.moved, seed.cpu.p50 / ours.cpu.p50
    yield Goal(f"{ours.way}: at least {least:g} times fewer bytes than the seed", f"{fewer:.1f}", fewer >= least)
    yield Goal(f"{ours.way}: at least {_LESS_CPU:g} times less client CPU", f"{less:.1f}", less >= _LESS_CPU)


def _added(overhead: Overhead) -> Goal:
    # Of several steps, the gateway makes more calls than three, so that they can be shown and given up on the way:
    # its own part is what comes on top of those.
    if overhead.steps == 1:
        calls, added = "the three model calls", overhead.beyond_three_calls
    else:
        calls, added = "its model calls", overhead.beyond_same_calls
    text = f"Gateway, {overhead.steps} step{'s' * (overhead.steps > 1)}: under {_OVERHEAD_SECONDS * 1e3:g} ms beyond"
    return Goal(f"{text} {calls}, p50", f"{added * 1e3:.1f} ms", added < _OVERHEAD_SECONDS)


def _bounded(overload: Overload) -> Iterator[Goal]:
    load = overload.load
    others = ", ".join(f"{kind}: {count}" for kind, count in load.others.items())
    yield Goal("Overload: nothing but 200 and 429", others or "nothing else", not load.others)
    answered = load.answered
    yield Goal(
        f"Overload: p99 of answers at most {_FULL_QUEUES:g} times what a full queue takes",
        "no answer" if answered is None else f"{answered.p99 / overload.full_queue_seconds:.2f}",
        answered is not None and answered.p99 <= _FULL_QUEUES * overload.full_queue_seconds,
    )
