from pathlib import Path

import numpy as np
import pytest
from benchmarks.equality.comparison import Comparison, compare, markdown
from benchmarks.equality.questions import EXPORTED, KERASCV, answer


def answered(folder: Path, what: str, theirs: np.ndarray, ours: np.ndarray) -> Comparison:
    np.save(answer(folder, KERASCV, what), theirs)
    np.save(answer(folder, EXPORTED, what), ours)
    (comparison,) = compare(folder)
    return comparison


@pytest.mark.parametrize(("difference", "equal"), [(0, True), (0.0019, True), (0.0021, False)])
def test_numbers_may_differ_by_a_thousandth_of_the_largest(difference: float, equal: bool, tmp_path: Path) -> None:
    theirs = np.array([-2.0, 0.001])

    comparison = answered(tmp_path, "latent of 20 steps", theirs, theirs + np.array([0, difference]))

    assert comparison.what == "latent of 20 steps"
    assert comparison.equal is equal
    assert comparison.difference == pytest.approx(difference / 2)


@pytest.mark.parametrize(("level", "equal"), [(0, True), (1, True), (2, False), (255, False)])
def test_pictures_may_differ_by_one_level(level: int, equal: bool, tmp_path: Path) -> None:
    black = np.zeros([1, 2, 2, 3], np.uint8)

    assert answered(tmp_path, "picture", black, black + np.uint8(level)).equal is equal


def test_answers_of_another_kind_are_not_equal(tmp_path: Path) -> None:
    assert not answered(tmp_path, "context", np.ones([1, 77, 2]), np.ones([77, 2])).equal


def test_an_answer_that_is_missing_is_not_passed_over(tmp_path: Path) -> None:
    np.save(answer(tmp_path, KERASCV, "context"), np.ones(2))

    with pytest.raises(FileNotFoundError):
        compare(tmp_path)


def test_the_page_has_a_row_an_answer() -> None:
    page = markdown({"1.5": [Comparison("context", 1e-6, levels=False), Comparison("picture", 2.0, levels=True)]})

    assert "| 1.5 | context | 1.0e-06 of the largest value | yes |" in page
    assert "| 1.5 | picture | 2 of 255 | NO |" in page
