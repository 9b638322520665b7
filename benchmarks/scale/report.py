"""The results as a page of Markdown."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from benchmarks.common.goals import goals_table
from benchmarks.common.report import table
from benchmarks.common.results import Seconds
from benchmarks.scale.goals import goals
from benchmarks.scale.results import Requests, Results, SizeResult

_VERBS: Final = ("create", "patch", "delete", "get", "list", "watch")

Cell = Callable[[SizeResult], str]


def markdown(results: Results, before: Results | None) -> str:
    """Write the page.

    Args:
        results: what was measured.
        before: an earlier run, whose numbers are shown beside; None for none.
    """
    machine = results.machine
    parts = [
        "# The operator with many pipelines",
        f"Measured on {results.when:%Y-%m-%d} by `python -m benchmarks.scale` (see [README.md](README.md)):"
        f" operator of commit {results.operator}, Kubernetes {machine.kubernetes}, nodes and pods acted out by KWOK"
        f" {machine.kwok}, Python {machine.python}. {machine};"
        " etcd, the control plane, KWOK, the operator and the benchmark share it.",
    ]
    if before is not None:
        parts.append(f"The columns named before: the operator of commit {before.operator}, {before.when:%Y-%m-%d}.")
    parts += [*goals_table(goals(results)), table(_header(results, before), _rows(results, before))]
    return "\n\n".join(parts) + "\n"


def _header(results: Results, before: Results | None) -> Sequence[str]:
    header = ["Pipelines"]
    for size in results.sizes:
        header += [str(size.pipelines), *(["before"] if before else [])]
    return header


def _rows(results: Results, before: Results | None) -> Iterator[Sequence[str]]:
    for title, cell in _measures():
        row = [title]
        for size in results.sizes:
            row.append(cell(size))
            if before is not None:
                earlier = before.size(size.pipelines)
                row.append("" if earlier is None else cell(earlier))
        yield row


def _measures() -> Iterator[tuple[str, Cell]]:
    yield "Applied", lambda size: "at once" if size.together else "one by one"
    yield "Apply to all its children, p50 / p99", lambda size: _seconds(size.creation.to_children)
    yield "Apply to Ready, p50 / p99", lambda size: _seconds(size.creation.to_ready)
    yield "First apply to the last child of all", lambda size: f"{size.creation.all_children:.1f} s"
    yield "First apply to all Ready", lambda size: f"{size.creation.all_ready:.1f} s"
    yield "Edit of one field to the Deployment, p50 / p99", lambda size: _seconds(size.edit)
    yield "Children a pipeline", lambda size: f"{size.creation.children:g}"
    yield (
        "Requests a pipeline, from apply to rest",
        lambda size: f"{size.creation.requests.total / size.creation.pipelines:.1f}",
    )
    for verb in _VERBS:
        yield f"… {verb}", partial(_by_verb, verb=verb)
    yield (
        "CPU time a pipeline, from apply to rest",
        lambda size: f"{1000 * size.creation.cpu_seconds / size.creation.pipelines:.0f} ms",
    )
    yield "Idle time", lambda size: f"{size.idle.seconds:.0f} s"
    yield "… writes, reads, watches opened", lambda size: _idle(size.idle.requests)
    yield "… for its own Lease", lambda size: str(size.idle.requests.leases)
    yield "… CPU", lambda size: f"{100 * size.idle.cpu_seconds / size.idle.seconds:.1f} %"
    yield "Memory at rest / at its highest", lambda size: f"{size.memory.at_rest:.0f} / {size.memory.peak:.0f} MB"
    yield "Machine's CPU taken by strangers meanwhile", lambda size: f"{100 * size.creation.others_cpu:.0f} %"


def _seconds(value: Seconds) -> str:
    return f"{value.p50:.2f} / {value.p99:.2f} s"


def _by_verb(size: SizeResult, verb: str) -> str:
    return f"{size.creation.requests.by_verb().get(verb, 0) / size.creation.pipelines:.1f}"


def _idle(requests: Requests) -> str:
    return f"{requests.writes}, {requests.reads}, {requests.watches}"
