"""The results as a page of Markdown."""

from collections.abc import Iterator, Sequence

from benchmarks.common.goals import goals_table
from benchmarks.common.report import table
from benchmarks.exporter.goals import DDIM, DPM_SOLVER, LONG, goals
from benchmarks.exporter.plan import Plan
from benchmarks.exporter.results import Drawn, Results
from benchmarks.exporter.ways import FASTEST, SEED


def markdown(results: Results, plan: Plan) -> str:
    """Write the page."""
    libraries = ", ".join(f"{name} {version}" for name, version in results.libraries.items())
    parts = [
        "# How fast the diffusion model draws",
        f"Measured on {results.when:%Y-%m-%d} by `python -m benchmarks.exporter` (see [README.md](README.md)): commit"
        f" {results.commit}, {libraries}, Python {results.machine.python}. {results.machine}. A plain product of"
        f" matrices does {results.products.float32 / 1e9:.0f} GFLOP/s in float32 and"
        f" {results.products.bfloat16 / 1e9:.0f} in bfloat16.",
    ]
    parts += goals_table(goals(results))
    header = (
        "",
        "A step",
        "Times as fast as the seed",
        f"Picture of {plan.picture} steps",
        "Of a float32 product",
        "Memory",
    )
    for size in results.operations:
        drawn = [one for one in results.drawn if one.size == size]
        if drawn:
            parts += [f"## {size} px", table(header, (_row(one, results) for one in drawn))]
            parts += _equal_quality(results, plan, size)
    return "\n\n".join(parts) + "\n"


def _row(one: Drawn, results: Results) -> Sequence[str]:
    seed = results.of(SEED.title, one.size)
    # With and without the prompt.
    operations = 2 * results.operations[one.size]
    return (
        one.way,
        f"{one.step.p50:.2f} s",
        "" if seed is None else f"{seed.step.p50 / one.step.p50:.2f}",
        f"{one.pictures[DDIM]:.1f} s" if DDIM in one.pictures else "",
        f"{operations / one.step.p50 / results.products.float32:.0%}",
        f"{one.memory:.0f} MB",
    )


def _equal_quality(results: Results, plan: Plan, size: int) -> Iterator[str]:
    seed, ours = results.of(SEED.title, size), results.of(FASTEST.title, size)
    if seed is not None and ours is not None:
        before, after = seed.pictures[LONG], ours.pictures[DPM_SOLVER]
        yield (
            f"A picture of equal quality: {before:.1f} s by the seed (DDIM, {plan.long_picture} steps), {after:.1f} s"
            f" in {FASTEST.title} (DPM-Solver++, {plan.picture} steps): {before / after:.2f} times as fast."
        )
