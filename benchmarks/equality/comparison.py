"""How far two sets of answers are from each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.equality import questions

_TOLERANCE: Final = 1e-3
"""Of float answers, as a share of the largest: rounding errors of float32, which grow from step to step."""
_LEVELS: Final = 1
"""Of 256, by which a pixel may differ: rounding may fall to either side."""


@dataclass(frozen=True)
class Comparison:
    """Two answers to one question."""

    what: str
    difference: float
    """The largest, as a share of the largest value; of pictures in levels of 256."""
    levels: bool
    """Whether the answers are pictures."""

    @property
    def equal(self) -> bool:
        """Whether they are, but for rounding."""
        return self.difference <= (_LEVELS if self.levels else _TOLERANCE)


def compare(folder: Path) -> list[Comparison]:
    """Compare all answers in `folder`, in the order in which KerasCV gave them.

    Raises:
        FileNotFoundError: if the exported models have not answered as many.
    """
    prefix = f"{questions.KERASCV} "
    theirs = sorted(folder.glob(f"{prefix}*.npy"), key=lambda path: path.stat().st_mtime_ns)
    return [_compare(path.stem.removeprefix(prefix), folder) for path in theirs]


def markdown(found: Mapping[str, Sequence[Comparison]]) -> str:
    """The page with the comparisons of each version."""
    rows = [
        f"| {version} | {each.what} | {_amount(each)} | {'yes' if each.equal else 'NO'} |"
        for version, comparisons in found.items()
        for each in comparisons
    ]
    head = ["| Stable Diffusion | answer | largest difference | equal |", "|---|---|---|---|"]
    title = "# The exported models against KerasCV 0.9.0, full size, random weights"
    return "\n".join([title, "", *head, *rows, ""])


def _compare(what: str, folder: Path) -> Comparison:
    theirs, ours = (np.load(questions.answer(folder, whose, what)) for whose in (questions.KERASCV, questions.EXPORTED))
    if theirs.shape != ours.shape or theirs.dtype != ours.dtype:
        return Comparison(what, np.inf, levels=theirs.dtype == np.uint8)
    largest = float(np.abs(theirs.astype(np.float64) - ours).max())
    if theirs.dtype == np.uint8:
        return Comparison(what, largest, levels=True)
    return Comparison(what, largest / float(np.abs(theirs).max()), levels=False)


def _amount(comparison: Comparison) -> str:
    if comparison.levels:
        return f"{comparison.difference:.0f} of 255"
    return f"{comparison.difference:.1e} of the largest value"
