"""What the page says of results."""

from datetime import UTC, datetime

from benchmarks.common.machine import Machine
from benchmarks.common.results import Seconds
from benchmarks.swap.goals import goals
from benchmarks.swap.report import markdown
from benchmarks.swap.results import ColdStart, Fetch, Results, WayResult

_SECOND = Seconds(p50=1.0, p99=2.0, samples=9)
_IN_PLACE = WayResult(
    way="InPlace",
    swaps=3,
    quiet=_SECOND,
    requests=Seconds(p50=1.5, p99=2.75, samples=9),
    failed=1,
    errors={"cannot be reached": 1},
    to_answer=_SECOND,
    to_rest=_SECOND,
    memory_at_rest=300.0,
    memory_peak=400.0,
    gpus=1,
)
_RESULTS = Results(
    when=datetime(2026, 11, 23, tzinfo=UTC),
    commit="abc1234",
    machine=Machine(cpu="A", cores=2, memory_gib=24.0, kernel="6", kubernetes="v1.36.3", python="3.11.7"),
    requests_a_second=4,
    ways=[_IN_PLACE],
    cold_start=ColdStart(megabytes=500, from_storage=_SECOND, from_cache=Seconds(p50=0.5, p99=1.0, samples=9)),
    fetches=[Fetch(source="folder", megabytes=500, puller=_SECOND, plain=Seconds(p50=0.9, p99=1.0, samples=9))],
)


def test_a_failed_request_misses_the_goal_and_a_single_gpu_meets_it() -> None:
    judged = {goal.text: (goal.measured, goal.met) for goal in goals(_RESULTS)}
    assert judged["InPlace: no failed request"] == ("1 of 10", False)
    assert judged["InPlace: no second GPU"] == ("1", True)
    assert judged["Puller from a folder: at least 0.8 of a plain copy's throughput"] == ("0.90", True)


def test_the_page_shows_what_swaps_add_and_what_the_cache_saves() -> None:
    page = markdown(_RESULTS)
    assert "| … added to p99 | 0.75 s |" in page
    assert "| 500 MB from the node's cache | 0.50 / 1.00 s | 0.50 |" in page


def test_ways_are_compared_with_a_plain_deployment_where_that_was_measured() -> None:
    plain = _IN_PLACE.model_copy(
        update={"way": "Deployment, maxSurge 1", "to_answer": Seconds(p50=2.0, p99=2.0, samples=9)}
    )
    page = markdown(_RESULTS.model_copy(update={"ways": [_IN_PLACE, plain]}))
    assert "| … p50, of that of Deployment, maxSurge 1 | 0.50 | 1.00 |" in page
    assert "p50, of that" not in markdown(_RESULTS)


def test_the_page_says_why_requests_failed() -> None:
    assert "- InPlace, 1 times: cannot be reached" in markdown(_RESULTS)


def test_what_was_not_measured_is_left_out() -> None:
    page = markdown(_RESULTS.model_copy(update={"ways": [], "cold_start": None, "fetches": []}))
    assert "|" not in page
