"""Measuring how pipelines come to be: apply, children, Ready."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.common.progress import Update, bar
from benchmarks.common.results import Seconds
from benchmarks.common.usage import cpu_seconds
from benchmarks.scale.bench import Bench
from benchmarks.scale.plan import Plan
from benchmarks.scale.results import Creation, Requests


def names(plan: Plan, round_number: int) -> Sequence[str]:
    """The names of the pipelines of a round."""
    return [f"r{round_number}-{index:03}" for index in range(plan.pipelines)]


async def measure_creation(bench: Bench, plan: Plan) -> Creation:
    """Apply all pipelines as often as planned; those of the last round stay."""
    rounds: list[_Round] = []
    for number in range(plan.rounds):
        if rounds:
            await bench.remove_all()
            await bench.at_rest()
        how = "at once" if plan.together else "one by one"
        with bar(f"Applying {plan.pipelines} {how}, round {number + 1} of {plan.rounds}", plan.pipelines) as update:
            rounds.append(await _round(bench, names(plan, number), together=plan.together, update=update))
    return _sum_up(rounds)


@dataclass(frozen=True)
class _Round:
    to_children: Sequence[float]
    to_ready: Sequence[float]
    all_children: float
    all_ready: float
    children: int
    requests: Requests
    cpu_seconds: float
    others_cpu: float


async def _round(bench: Bench, pipelines: Sequence[str], *, together: bool, update: Update) -> _Round:
    bench.rig.audit.since_last()
    cpu, others, began = cpu_seconds(bench.rig.operator), bench.rig.others_cpu_seconds(), time.monotonic()
    starts = await bench.apply(pipelines, together=together, update=update)
    others_cpu = (bench.rig.others_cpu_seconds() - others) / (time.monotonic() - began) / bench.rig.cores
    requests = await bench.at_rest()
    last_child = {name: max(bench.timeline.children[name].values()) for name in pipelines}
    ready = {name: bench.timeline.ready[name, 1] for name in pipelines}
    first = min(starts.values())
    return _Round(
        to_children=[last_child[name] - starts[name] for name in pipelines],
        to_ready=[ready[name] - starts[name] for name in pipelines],
        all_children=max(last_child.values()) - first,
        all_ready=max(ready.values()) - first,
        children=sum(len(bench.timeline.children[name]) for name in pipelines),
        requests=requests,
        cpu_seconds=cpu_seconds(bench.rig.operator) - cpu,
        others_cpu=max(0.0, others_cpu),
    )


def _sum_up(rounds: Sequence[_Round]) -> Creation:
    to_children = [seconds for one in rounds for seconds in one.to_children]
    return Creation(
        pipelines=len(to_children),
        children=sum(one.children for one in rounds) / len(to_children),
        to_children=Seconds.of(to_children),
        to_ready=Seconds.of([seconds for one in rounds for seconds in one.to_ready]),
        all_children=round(statistics.median(one.all_children for one in rounds), 3),
        all_ready=round(statistics.median(one.all_ready for one in rounds), 3),
        requests=sum((one.requests for one in rounds), Requests.none()),
        cpu_seconds=round(sum(one.cpu_seconds for one in rounds), 2),
        others_cpu=round(statistics.median(one.others_cpu for one in rounds), 3),
    )
