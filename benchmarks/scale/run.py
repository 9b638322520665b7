"""The whole benchmark: each size on a rig of its own."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from benchmarks.scale.machine import operator_commit, this_machine
from benchmarks.scale.measure import measure
from benchmarks.scale.objects import nodes
from benchmarks.scale.plan import Plan
from benchmarks.scale.results import Results, SizeResult
from benchmarks.scale.rig import running_rig


def run(plans: Sequence[Plan]) -> Iterator[Results]:
    """Measure the sizes one after the other; gives after each what there is so far.

    Raises:
        ClusterError: a rig does not come up, or something on it ended.
        ApiError: the API server refused something.
        TimeoutError: something never came.
    """
    results = Results(when=datetime.now(UTC), operator=operator_commit(), machine=this_machine(), sizes=[])
    for plan in plans:
        size = _measure(plan)
        results = results.model_copy(update={"sizes": [*results.sizes, size]})
        yield results


def _measure(plan: Plan) -> SizeResult:
    with running_rig(nodes(plan.pipelines)) as rig:
        return asyncio.run(measure(plan, rig))
