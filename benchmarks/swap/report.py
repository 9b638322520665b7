"""The results as a page of Markdown."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from benchmarks.common.goals import goals_table
from benchmarks.common.report import table
from benchmarks.common.results import Seconds
from benchmarks.swap.goals import goals
from benchmarks.swap.results import ColdStart, Fetch, Results, WayResult
from benchmarks.swap.ways import WithoutOperator

Cell = Callable[[WayResult], str]

_PLAIN: Final = WithoutOperator(max_surge=1).title
"""What others are compared with."""

_TO_ANSWER: Final = "Apply to the new model's first answer, p50 / p99"
_MEASURES: Final[Sequence[tuple[str, Cell]]] = (
    ("Swaps", lambda way: str(way.swaps)),
    ("Requests meanwhile", lambda way: str(way.asked)),
    ("… failed", lambda way: str(way.failed)),
    ("Request without swaps, p50 / p99", lambda way: _seconds(way.quiet)),
    ("Request during swaps, p50 / p99", lambda way: _seconds(way.requests)),
    ("… added to p99", lambda way: f"{way.requests.p99 - way.quiet.p99:.2f} s"),
    (_TO_ANSWER, lambda way: _seconds(way.to_answer)),
    ("Apply to rest, p50 / p99", lambda way: _seconds(way.to_rest)),
    ("Memory of the pods, at rest", lambda way: f"{way.memory_at_rest:.0f} MB"),
    ("… at its highest", lambda way: f"{way.memory_peak:.0f} MB"),
    ("… of that at rest", lambda way: f"{way.memory_peak / way.memory_at_rest:.2f}"),
    ("GPUs held, at the most", lambda way: str(way.gpus)),
)


def markdown(results: Results) -> str:
    """Write the page."""
    machine = results.machine
    parts = [
        "# Swapping a model under load",
        f"Measured on {results.when:%Y-%m-%d} by `python -m benchmarks.swap` (see [README.md](README.md)): commit"
        f" {results.commit}, Kubernetes {machine.kubernetes}, the stand-in for TensorFlow Serving, Python"
        f" {machine.python}. {machine}; the node, the control plane and the load of"
        f" {results.requests_a_second:g} pictures a second share it.",
    ]
    parts += goals_table(goals(results))
    if results.ways:
        rows = ([title, *(cell(way) for way in results.ways)] for title, cell in _measures(results.way(_PLAIN)))
        parts.append(table(["", *(way.way for way in results.ways)], rows))
    if failures := list(_failures(results.ways)):
        parts += ["What was said of the failed requests:", "\n".join(failures)]
    if results.cold_start:
        parts += [
            "## Cold start",
            table(("Apply to the first picture", "p50 / p99", "Of the first row"), _cold(results.cold_start)),
        ]
    if results.fetches:
        columns = ("Fetch", "MB", "Puller", "Plain copy", "Throughput, of the copy's")
        parts += ["## Fetch", table(columns, map(_fetch, results.fetches))]
    return "\n\n".join(parts) + "\n"


def _measures(plain: WayResult | None) -> Iterator[tuple[str, Cell]]:
    for title, cell in _MEASURES:
        yield title, cell
        if plain is not None and title == _TO_ANSWER:
            yield f"… p50, of that of {_PLAIN}", partial(_ratio_to_answer, plain)


def _ratio_to_answer(plain: WayResult, way: WayResult) -> str:
    return f"{way.to_answer.p50 / plain.to_answer.p50:.2f}"


def _failures(ways: Sequence[WayResult]) -> Iterator[str]:
    for way in ways:
        for error, count in way.errors.items():
            yield f"- {way.way}, {count} times: {error}"


def _cold(found: ColdStart) -> Iterator[Sequence[str]]:
    yield f"{found.megabytes:.0f} MB from storage", _seconds(found.from_storage), "1.00"
    ratio = found.from_cache.p50 / found.from_storage.p50
    yield f"{found.megabytes:.0f} MB from the node's cache", _seconds(found.from_cache), f"{ratio:.2f}"


def _fetch(found: Fetch) -> Sequence[str]:
    return (
        f"From a {found.source}",
        f"{found.megabytes:.0f}",
        f"{found.puller.p50:.2f} s",
        f"{found.plain.p50:.2f} s",
        f"{found.ratio:.2f}",
    )


def _seconds(value: Seconds) -> str:
    return f"{value.p50:.2f} / {value.p99:.2f} s"
