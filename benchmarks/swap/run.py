"""The whole benchmark, in one run on one cluster."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from benchmarks.common.machine import commit_of, this_machine
from benchmarks.swap.bucket import upload
from benchmarks.swap.cold_start import measure_cold_starts
from benchmarks.swap.fetches import measure_fetches
from benchmarks.swap.measure import measure
from benchmarks.swap.models import Model, bake, export
from benchmarks.swap.padded import export_padded
from benchmarks.swap.plan import Plan
from benchmarks.swap.results import Results
from benchmarks.swap.rig import running_rig
from benchmarks.swap.ways import Way, WithoutOperator


def run(plan: Plan, ways: Sequence[Way], *, pulling: bool) -> Iterator[Results]:
    """Measure one after the other; gives after each what there is so far.

    Args:
        plan: how often.
        ways: the ways to swap.
        pulling: whether cold starts and fetches are measured too.

    Raises:
        DemoError: the cluster does not become what it should be.
        ClusterError: something was refused, or never came.
    """
    commit = commit_of("operator", "serving", "images")
    results = Results(
        when=datetime.now(UTC), commit=commit, machine=this_machine(), requests_a_second=plan.requests_a_second
    )
    with running_rig() as rig:
        export()
        for model in Model:
            upload(rig, model.folder, model.copy)
        if any(isinstance(way, WithoutOperator) for way in ways):
            bake(rig.cluster)
        for way in ways:
            results = results.model_copy(update={"ways": [*results.ways, measure(way, plan, rig)]})
            yield results
        if not pulling:
            return
        padded = export_padded(plan.fetched_mebibytes)
        upload(rig, padded.folder, padded.name)
        results = results.model_copy(update={"cold_start": measure_cold_starts(rig, padded, plan.cold_starts)})
        yield results
        for fetch in measure_fetches(rig, padded, plan.fetches):
            results = results.model_copy(update={"fetches": [*results.fetches, fetch]})
            yield results
