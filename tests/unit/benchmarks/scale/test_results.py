"""The numbers, the goals and the table."""

from datetime import UTC, datetime

import pytest
from benchmarks.common.results import Seconds
from benchmarks.scale.goals import goals
from benchmarks.scale.report import markdown
from benchmarks.scale.results import Creation, Idle, Machine, Memory, Requests, Results, SizeResult

_MACHINE = Machine(
    cpu="A CPU", cores=2, memory_gib=8, kernel="6.1", kubernetes="v1.36.3", kwok="v0.8.0", python="3.11.7"
)


def _size(
    pipelines: int, *, seconds: float = 0.1, cpu: float = 1.0, peak: float = 100, idle: dict[str, int] | None = None
) -> SizeResult:
    return SizeResult(
        pipelines=pipelines,
        together=pipelines >= 100,
        creation=Creation(
            pipelines=pipelines,
            children=6,
            to_children=Seconds(p50=seconds, p99=2 * seconds, samples=pipelines),
            to_ready=Seconds(p50=1, p99=2, samples=pipelines),
            all_children=seconds * pipelines,
            all_ready=seconds * pipelines,
            requests=Requests(counts={"patch services": 6 * pipelines, "get services": 3 * pipelines}, leases=0),
            cpu_seconds=cpu * pipelines,
            others_cpu=0.25,
        ),
        edit=Seconds(p50=0.2, p99=0.3, samples=30),
        idle=Idle(seconds=600, requests=Requests(counts=idle or {}, leases=4), cpu_seconds=6),
        memory=Memory(at_rest=90, peak=peak),
    )


def _results(*sizes: SizeResult) -> Results:
    when = datetime(2026, 1, 2, tzinfo=UTC)
    return Results(when=when, operator="abc1234", machine=_MACHINE, sizes=list(sizes))


def _verdicts(*sizes: SizeResult) -> dict[str, bool]:
    return {goal.text: goal.met for goal in goals(_results(*sizes))}


def test_the_median_and_the_99th_percentile_are_samples_themselves() -> None:
    assert Seconds.of([3, 1, 2]) == Seconds(p50=2, p99=3, samples=3)
    assert Seconds.of([float(number) for number in range(1, 201)]) == Seconds(p50=100, p99=198, samples=200)
    assert Seconds.of([5]) == Seconds(p50=5, p99=5, samples=1)


def test_requests_add_up_by_name() -> None:
    total = Requests(counts={"get pods": 1, "list pods": 1}, leases=1) + Requests(counts={"get pods": 2}, leases=2)

    assert total == Requests(counts={"get pods": 3, "list pods": 1}, leases=3)
    assert total.by_verb() == {"get": 3, "list": 1}


@pytest.mark.parametrize(
    ("size", "goal"),
    [
        (_size(10, seconds=0.31), "10 pipelines: apply to children, p50 under 0.3 s"),
        (_size(10, seconds=0.51), "10 pipelines: apply to children, p99 under 1 s"),
        (_size(500, seconds=0.13), "500 pipelines at once: all children in under 60 s"),
        (_size(500, peak=251), "500 pipelines: memory under 250 MB, at its highest"),
        (_size(1, idle={"patch services": 1}), "Idle: no write"),
        (_size(1, idle={"list services": 1}), "Idle: no read but by watches"),
    ],
)
def test_each_goal_can_be_missed(size: SizeResult, goal: str) -> None:
    assert _verdicts(size)[goal] is False
    assert _verdicts(_size(size.pipelines))[goal] is True


def test_watches_that_are_opened_anew_miss_no_goal() -> None:
    assert all(_verdicts(_size(1, idle={"watch services": 3})).values())


def test_growth_is_judged_a_pipeline() -> None:
    time, cpu, requests = (
        f"100 to 500 pipelines: no worse than linear in {what}"
        for what in ("time to all children", "CPU time", "requests")
    )

    linear = _verdicts(_size(100), _size(500))
    assert (linear[time], linear[cpu], linear[requests]) == (True, True, True)

    worse = _verdicts(_size(100), _size(500, seconds=0.2, cpu=1.3))
    assert (worse[time], worse[cpu], worse[requests]) == (False, False, True)


def test_a_goal_whose_size_was_not_measured_is_not_judged() -> None:
    assert not any("500" in text for text in _verdicts(_size(1), _size(10), _size(100)))


def test_the_table_has_a_column_for_each_size_and_the_numbers_of_before_beside() -> None:
    now, before = _results(_size(10), _size(500)), _results(_size(10, seconds=0.5))

    lines = markdown(now, before).splitlines()

    assert "| Pipelines | 10 | before | 500 | before |" in lines
    assert "| Apply to all its children, p50 / p99 | 0.10 / 0.20 s | 0.50 / 1.00 s | 0.10 / 0.20 s |  |" in lines
    assert "| Requests a pipeline, from apply to rest | 9.0 | 9.0 | 9.0 |  |" in lines


def test_the_table_says_which_goals_were_missed_and_where_it_was_measured() -> None:
    page = markdown(_results(_size(10, seconds=0.4)), None)

    assert "| 10 pipelines: apply to children, p50 under 0.3 s | 0.40 s | **miss** |" in page
    assert "A CPU, 2 cores, 8 GiB" in page
    assert "before" not in page


def test_results_come_back_from_json_as_they_were() -> None:
    results = _results(_size(1), _size(10))

    assert Results.model_validate_json(results.model_dump_json()) == results
