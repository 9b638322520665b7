"""What the page says of results, and how goals are judged."""

from datetime import UTC, datetime
from typing import Any

from benchmarks.common.machine import Machine
from benchmarks.common.results import Seconds
from benchmarks.dataplane.goals import goals
from benchmarks.dataplane.loop import Load
from benchmarks.dataplane.report import markdown
from benchmarks.dataplane.results import Overhead, Overload, Previews, Results, Throughput, WayResult
from benchmarks.dataplane.ways import Way


def _seconds(p50: float, p99: float | None = None) -> Seconds:
    return Seconds(p50=p50, p99=p50 if p99 is None else p99, samples=9)


def _way(way: Way, sent: int, received: int, cpu: float, file_bytes: int | None = None) -> WayResult:
    return WayResult(way=way, sent=sent, received=received, cpu=_seconds(cpu), file_bytes=file_bytes)


def _load(answered: Seconds | None, **kinds: int) -> Load:
    return Load(
        clients=32, seconds=10, answered=answered, kinds={kind.strip("_"): count for kind, count in kinds.items()}
    )


def _overhead(steps: int, gateway: float) -> Overhead:
    return Overhead(
        steps=steps,
        three_calls=_seconds(0.010),
        calls=steps + 3,
        same_calls=_seconds(0.012),
        gateway=_seconds(gateway),
    )


_RESULTS = Results(
    when=datetime(2026, 11, 23, tzinfo=UTC),
    commit="abc1234",
    machine=Machine(cpu="A", cores=2, memory_gib=24.0, kernel="6", kubernetes="v1.36.3", python="3.11.7"),
    versions={"grpcio": "1.76"},
    ways=[
        _way(Way.SEED, 11_000_000, 28_000_000, 1.0),
        _way(Way.GRPC, 700_000, 2_300_000, 0.02, 460_000),
        _way(Way.GATEWAY, 500, 2_499_500, 0.01, 460_000),
        _way(Way.GATEWAY_JPEG, 500, 999_500, 0.2, 76_000),
    ],
    overheads=[_overhead(1, 0.016), _overhead(20, 0.016)],
    throughputs=[
        Throughput(batch_size=1, load=_load(_seconds(2.0), _200=100)),
        Throughput(batch_size=4, load=_load(_seconds(0.8, 1.5), _200=250, _503=1)),
    ],
    overload=Overload(queue_length=8, batch_size=4, load=_load(_seconds(0.3, 0.9), _200=200, _429=600)),
    previews=Previews(steps=50, first=_seconds(0.05), whole=_seconds(0.2, 0.25)),
)


def test_ways_through_the_gateway_are_judged_by_the_seeds_bytes_and_cpu() -> None:
    judged = {goal.text: (goal.measured, goal.met) for goal in goals(_RESULTS)}

    assert judged["Gateway, PNG: at least 15 times fewer bytes than the seed"] == ("15.6", True)
    assert judged["Gateway, JPEG: at least 50 times fewer bytes than the seed"] == ("39.0", False)
    assert judged["Gateway, PNG: at least 10 times less client CPU"] == ("100.0", True)
    assert judged["Gateway, JPEG: at least 10 times less client CPU"] == ("5.0", False)


def test_one_step_is_judged_by_three_calls_and_more_steps_by_the_calls_that_are_made() -> None:
    added = [(goal.text, goal.measured, goal.met) for goal in goals(_RESULTS) if "beyond" in goal.text]

    assert added == [
        ("Gateway, 1 step: under 5 ms beyond the three model calls, p50", "6.0 ms", False),
        ("Gateway, 20 steps: under 5 ms beyond its model calls, p50", "4.0 ms", True),
    ]


def test_an_overload_may_be_answered_and_refused_in_the_time_that_a_full_queue_takes() -> None:
    judged = [(goal.measured, goal.met) for goal in goals(_RESULTS) if goal.text.startswith("Overload")]

    # 12 pictures, 20 a second.
    assert judged == [("nothing else", True), ("1.50", True)]


def test_an_overload_misses_its_goals_by_an_error_and_by_late_answers() -> None:
    load = _load(_seconds(0.3, 1.3), _200=200, _500=2)
    results = _RESULTS.model_copy(update={"overload": Overload(queue_length=8, batch_size=4, load=load)})

    judged = [(goal.measured, goal.met) for goal in goals(results) if goal.text.startswith("Overload")]

    assert judged == [("500: 2", False), ("2.17", False)]


def test_an_overload_without_any_answer_misses_its_goal() -> None:
    load = _load(None, _429=2)
    results = _RESULTS.model_copy(update={"overload": Overload(queue_length=8, batch_size=4, load=load)})

    assert [goal.measured for goal in goals(results) if not goal.met and "Overload" in goal.text] == ["no answer"]
    assert "| Answered, p50 / p99 | none |" in markdown(results)


def test_the_page_shows_every_way_beside_the_seed() -> None:
    page = markdown(_RESULTS)

    assert "| The seed | 11.00 MB | 28.00 MB | 1.0 | 1000 ms | 1.0 |  |" in page
    assert "| Client, gRPC | 0.70 MB | 2.30 MB | 13.0 | 20 ms | 50.0 | 0.46 MB |" in page
    assert "| Gateway, PNG | 500 bytes | 2.50 MB | 15.6 | 10 ms | 100.0 | 0.46 MB |" in page


def test_the_page_shows_what_the_gateway_adds_batches_bring_and_an_overload_does() -> None:
    page = markdown(_RESULTS)

    assert "| 20 steps | 10.0 / 10.0 ms | 23 calls: 12.0 / 12.0 ms | 16.0 / 16.0 ms | 6.0 ms | 4.0 ms |" in page
    assert "| at most 4 | 25.0 | 2.50 | 0.80 / 1.50 s | 1 |" in page
    assert "| 429, of all requests | 75% |" in page
    assert "| One client | 50.0 / 50.0 ms | 200.0 / 250.0 ms |" in page


def test_what_was_not_measured_is_left_out() -> None:
    nothing: dict[str, Any] = {"ways": [], "overheads": [], "throughputs": [], "overload": None, "previews": None}

    assert "|" not in markdown(_RESULTS.model_copy(update=nothing))
