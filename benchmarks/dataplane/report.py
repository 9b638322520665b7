"""The results as a page of Markdown."""

from collections.abc import Iterator, Sequence

from benchmarks.common.goals import goals_table
from benchmarks.common.report import table
from benchmarks.common.results import Seconds
from benchmarks.dataplane.goals import goals
from benchmarks.dataplane.loop import Load
from benchmarks.dataplane.results import Overhead, Results, WayResult
from benchmarks.dataplane.ways import Way

_WIRE: Sequence[str] = (
    "Four pictures of 512x512",
    "Sent",
    "Received",
    "Times fewer bytes",
    "Client CPU a picture, p50",
    "Times less",
    "A file",
)
_OVERHEAD: Sequence[str] = (
    "One picture, p50 / p99",
    "Three model calls",
    "Gateway's model calls",
    "Gateway",
    "Beyond three calls",
    "Beyond its calls",
)


def markdown(results: Results) -> str:
    """Write the page."""
    libraries = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    parts = [
        "# The data plane",
        f"Measured on {results.when:%Y-%m-%d} by `python -m benchmarks.dataplane` (see [README.md](README.md)): commit"
        f" {results.commit}, the stand-in for TensorFlow Serving, {libraries}, Python {results.machine.python}."
        f" {results.machine}; servers, gateway and clients share it.",
    ]
    parts += goals_table(goals(results))
    if results.ways:
        seed = results.way(Way.SEED)
        parts += ["## Bytes and client CPU", table(_WIRE, (_way(one, seed) for one in results.ways))]
    if results.overheads:
        parts += ["## The gateway's own part", table(_OVERHEAD, map(_overhead, results.overheads))]
    if results.throughputs:
        parts += ["## Many clients", table(_loads_header(results), _loads(results))]
    if results.overload is not None:
        overload = _overload(results.overload.load, results.overload.queue_length)
        parts += ["## Overload", table(("More clients than the queue takes", "Measured"), overload)]
    if found := results.previews:
        columns = (f"A stream of {found.steps} steps, p50 / p99", "First preview", "Picture")
        parts += ["## Previews", table(columns, [("One client", _ms(found.first), _ms(found.whole))])]
    return "\n\n".join(parts) + "\n"


def _way(one: WayResult, seed: WayResult | None) -> Sequence[str]:
    return (
        one.way,
        _size(one.sent),
        _size(one.received),
        "" if seed is None else f"{seed.moved / one.moved:.1f}",
        f"{one.cpu.p50 * 1e3:.0f} ms",
        "" if seed is None else f"{seed.cpu.p50 / one.cpu.p50:.1f}",
        "" if one.file_bytes is None else _size(one.file_bytes),
    )


def _overhead(one: Overhead) -> Sequence[str]:
    return (
        f"{one.steps} step{'s' * (one.steps > 1)}",
        _ms(one.three_calls),
        f"{one.calls} calls: {_ms(one.same_calls)}",
        _ms(one.gateway),
        f"{one.beyond_three_calls * 1e3:.1f} ms",
        f"{one.beyond_same_calls * 1e3:.1f} ms",
    )


def _loads_header(results: Results) -> Sequence[str]:
    clients = results.throughputs[0].load.clients
    return (f"{clients} clients, drawn together", "Pictures/s", "Of one by one", "p50 / p99", "Not answered")


def _loads(results: Results) -> Iterator[Sequence[str]]:
    alone = results.throughputs[0].load.answered_a_second
    for one in results.throughputs:
        rate, failed = one.load.answered_a_second, one.load.refused + sum(one.load.others.values())
        ratio = f"{rate / alone:.2f}" if alone else ""
        yield f"at most {one.batch_size}", f"{rate:.1f}", ratio, _whole_seconds(one.load.answered), str(failed)


def _overload(load: Load, queue_length: int) -> Iterator[Sequence[str]]:
    yield "Clients", str(load.clients)
    yield "Places in the queue", str(queue_length)
    yield "Pictures/s", f"{load.answered_a_second:.1f}"
    yield "Answered, p50 / p99", _whole_seconds(load.answered)
    yield "429, of all requests", f"{load.refused_share:.0%}"
    for kind, count in load.others.items():
        yield kind, str(count)


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 10_000 else f"{count} bytes"


def _ms(value: Seconds) -> str:
    return f"{value.p50 * 1e3:.1f} / {value.p99 * 1e3:.1f} ms"


def _whole_seconds(value: Seconds | None) -> str:
    return "none" if value is None else f"{value.p50:.2f} / {value.p99:.2f} s"
