"""What swaps should reach, and whether they did."""

from collections.abc import Iterator
from typing import Final

from benchmarks.common.goals import Goal
from benchmarks.swap.results import Results
from benchmarks.swap.ways import ByOperator, Way

_WITHOUT_FAILURE: Final[tuple[Way, ...]] = (
    ByOperator("InPlace"),
    ByOperator("Surge"),
    ByOperator("Drain", gateway=True),
)
_OF_A_PLAIN_COPY: Final = 0.8


def goals(results: Results) -> Iterator[Goal]:
    """Judge the goals of what was measured."""
    for way in _WITHOUT_FAILURE:
        if found := results.way(way.title):
            yield Goal(f"{way.title}: no failed request", f"{found.failed} of {found.asked}", found.failed == 0)
    for way in (ByOperator("InPlace"), ByOperator("Drain"), ByOperator("Drain", gateway=True)):
        if found := results.way(way.title):
            yield Goal(f"{way.title}: no second GPU", f"{found.gpus}", found.gpus == 1)
    for fetch in results.fetches:
        text = f"Puller from a {fetch.source}: at least {_OF_A_PLAIN_COPY} of a plain copy's throughput"
        yield Goal(text, f"{fetch.ratio:.2f}", fetch.ratio >= _OF_A_PLAIN_COPY)
