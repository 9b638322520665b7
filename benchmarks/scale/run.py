"""The whole benchmark: each size on a rig of its own."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from benchmarks.common.machine import commit_of, this_machine, version
from benchmarks.scale.measure import measure
from benchmarks.scale.objects import nodes
from benchmarks.scale.plan import Plan
from benchmarks.scale.results import Machine, Results, SizeResult
from benchmarks.scale.rig import running_rig
from devcluster.programs import KWOK


def run(plans: Sequence[Plan]) -> Iterator[Results]:
    """Measure the sizes one after the other; gives after each what there is so far.

    Raises:
        ClusterError: a rig does not come up, or something on it ended.
        ApiError: the API server refused something.
        TimeoutError: something never came.
    """
    commit = commit_of("operator", "serving/sdp_serving/contract")
    results = Results(when=datetime.now(UTC), operator=commit, machine=_machine(), sizes=[])
    for plan in plans:
        size = _measure(plan)
        results = results.model_copy(update={"sizes": [*results.sizes, size]})
        yield results


def _machine() -> Machine:
    return Machine(**this_machine().model_dump(), kwok=version(KWOK, "sigs.k8s.io/kwok"))


def _measure(plan: Plan) -> SizeResult:
    with running_rig(nodes(plan.pipelines)) as rig:
        return asyncio.run(measure(plan, rig))
