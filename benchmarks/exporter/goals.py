"""What the exported model should reach, and whether it does."""

from collections.abc import Iterator
from typing import Final

from benchmarks.common.goals import Goal
from benchmarks.exporter.results import Results
from benchmarks.exporter.ways import EQUAL_MATHS, FASTEST, SEED

LONG: Final = "ddim-long"
DDIM: Final = "ddim"
DPM_SOLVER: Final = "dpm_solver_pp_2m"
"""Keys of whole pictures."""

_EQUAL_MATHS: Final = 1.15
_HALF: Final = 1.7
_PICTURE: Final = 4.0


def goals(results: Results) -> Iterator[Goal]:
    """Judge the goals of what was measured."""
    for size in results.operations:
        seed = results.of(SEED.title, size)
        if seed is None:
            continue
        for way, least in ((EQUAL_MATHS, _EQUAL_MATHS), (FASTEST, _HALF)):
            if ours := results.of(way.title, size):
                ratio = seed.step.p50 / ours.step.p50
                text = f"{size} px, {way.title}: a step at least {least} times as fast as the seed's"
                yield Goal(text, f"{ratio:.2f}", ratio >= least)
        if (ours := results.of(FASTEST.title, size)) and LONG in seed.pictures and DPM_SOLVER in ours.pictures:
            ratio = seed.pictures[LONG] / ours.pictures[DPM_SOLVER]
            text = f"{size} px, {FASTEST.title}: a picture of equal quality at least {_PICTURE:g} times as fast"
            yield Goal(text, f"{ratio:.2f}", ratio >= _PICTURE)
