"""What the page says of results."""

from datetime import UTC, datetime

from benchmarks.common.machine import Machine
from benchmarks.common.results import Seconds
from benchmarks.exporter.goals import DDIM, DPM_SOLVER, LONG, goals
from benchmarks.exporter.plan import FULL
from benchmarks.exporter.report import markdown
from benchmarks.exporter.results import Drawn, Products, Results
from benchmarks.exporter.ways import EQUAL_MATHS, FASTEST, SEED


def _drawn(way: str, step: float, **pictures: float) -> Drawn:
    seconds = Seconds(p50=step, p99=step, samples=5)
    return Drawn(way=way, size=512, step=seconds, pictures={DDIM: 20 * step, **pictures}, memory=5000)


_RESULTS = Results(
    when=datetime(2026, 11, 23, tzinfo=UTC),
    commit="abc1234",
    machine=Machine(cpu="A", cores=2, memory_gib=24.0, kernel="6", kubernetes="v1.36.3", python="3.11.7"),
    libraries={"keras": "3.15.1"},
    products=Products(float32=1e11, bfloat16=3e11),
    operations={512: 2e11},
    drawn=[
        _drawn(SEED.title, 10.0, **{LONG: 500.0}),
        _drawn(EQUAL_MATHS.title, 8.0),
        _drawn(FASTEST.title, 6.25, **{DPM_SOLVER: 110.0}),
    ],
)


def test_goals_compare_steps_and_pictures_with_the_seeds() -> None:
    assert [(goal.measured, goal.met) for goal in goals(_RESULTS)] == [("1.25", True), ("1.60", False), ("4.55", True)]


def test_the_page_shows_how_much_of_the_machine_is_used() -> None:
    page = markdown(_RESULTS, FULL)

    assert f"| {EQUAL_MATHS.title} | 8.00 s | 1.25 | 160.0 s | 50% | 5000 MB |" in page
    assert "500.0 s by the seed (DDIM, 50 steps), 110.0 s" in page


def test_a_page_without_the_seed_has_no_ratios() -> None:
    page = markdown(_RESULTS.model_copy(update={"drawn": _RESULTS.drawn[1:2]}), FULL)

    assert f"| {EQUAL_MATHS.title} | 8.00 s |  | 160.0 s |" in page
    assert "equal quality" not in page
