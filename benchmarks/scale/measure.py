"""Measuring one size: apply, edit, then wait and see."""

import asyncio
import time
from typing import Final

from benchmarks.common.progress import bar
from benchmarks.common.results import Seconds
from benchmarks.common.usage import cpu_seconds, memory
from benchmarks.scale.api import Api
from benchmarks.scale.bench import Bench
from benchmarks.scale.creation import measure_creation, names
from benchmarks.scale.objects import PIPELINES, edited, shown
from benchmarks.scale.plan import Plan
from benchmarks.scale.results import Idle, Memory, SizeResult
from benchmarks.scale.rig import Rig
from benchmarks.scale.watching import watching

_FIRST_EDIT: Final = 1000
"""Seconds, unlike any that are the default."""


async def measure(plan: Plan, rig: Rig) -> SizeResult:
    """Measure one size on a fresh rig.

    Raises:
        ApiError: the API server refused something.
        TimeoutError: something never came.
    """
    async with Api.connect(rig.cluster.kubeconfig) as api, watching(api) as timeline:
        bench = Bench(rig, api, timeline)
        await _warm_up(bench)
        creation = await measure_creation(bench, plan)
        edit = await _measure_edits(bench, plan)
        idle = await _measure_idleness(bench, plan.idle_seconds)
    taken = memory(rig.operator)
    return SizeResult(
        pipelines=plan.pipelines,
        together=plan.together,
        creation=creation,
        edit=edit,
        idle=idle,
        memory=Memory(at_rest=round(taken.now, 1), peak=round(taken.peak, 1)),
    )


async def _warm_up(bench: Bench) -> None:
    """Let one pipeline come and go, so that what is slow only once is no part of any number."""
    with bar("Warming up", 1) as update:
        await bench.apply(["warm-up"], together=False, update=update)
        await bench.remove_all()
        await bench.at_rest()


async def _measure_edits(bench: Bench, plan: Plan) -> Seconds:
    """Change one field of each of some pipelines, when the edit before has come through."""
    pipelines = names(plan, plan.rounds - 1)
    samples = []
    with bar("Editing one field", plan.edits) as update:
        for number in range(plan.edits):
            samples.append(await _edit(bench, pipelines[number % len(pipelines)], _FIRST_EDIT + number))
            update(number + 1)
        await bench.at_rest()
    return Seconds.of(samples)


async def _edit(bench: Bench, name: str, seconds: int) -> float:
    timeline = bench.timeline
    timeline.expect(name, shown(seconds))
    began = time.monotonic()
    generation = await bench.api.edit(f"{PIPELINES}/{name}", edited(seconds))
    await timeline.until(lambda: name in timeline.templates, 60, f"the Deployment of {name} to show the edit")
    await timeline.until(lambda: (name, generation) in timeline.ready, 600, f"{name} to be Ready again")
    return timeline.templates[name] - began


async def _measure_idleness(bench: Bench, seconds: float) -> Idle:
    cpu, began = cpu_seconds(bench.rig.operator), time.monotonic()
    with bar(f"Doing nothing for {seconds:.0f} s", seconds) as update:
        while (passed := time.monotonic() - began) < seconds:
            update(passed)
            await asyncio.sleep(min(1.0, seconds - passed))
    return Idle(
        seconds=seconds,
        requests=bench.rig.audit.since_last(),
        cpu_seconds=round(cpu_seconds(bench.rig.operator) - cpu, 2),
    )
