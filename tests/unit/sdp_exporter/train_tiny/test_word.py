from typing import TYPE_CHECKING

import numpy as np

from sdp_exporter.models.tiny import token_table
from sdp_exporter.train_tiny.word import WORD_SCENES, WORD_TOKEN, add_row, caption

if TYPE_CHECKING:
    from sdp_exporter.models.tiny.arrays import Arrays


def test_the_word_is_learnt_from_yellow_stars_alone() -> None:
    assert len(WORD_SCENES) == 2 * 5
    assert {caption(scene) for scene in WORD_SCENES} >= {"a large sks on a blue background"}
    assert {(scene.colour, scene.shape) for scene in WORD_SCENES} == {("yellow", "star")}


def test_the_learnt_row_stands_at_the_words_token_and_the_rest_stays() -> None:
    base: Arrays = {
        token_table.TOKENS: np.array([320], np.int32),
        token_table.ROWS: np.ones((1, 96), np.float16),
    }

    taught = token_table.expand(add_row(base, np.full(96, 0.5, np.float32)))[token_table.ROWS]

    np.testing.assert_array_equal(taught[WORD_TOKEN], np.full(96, 0.5))
    np.testing.assert_array_equal(
        np.delete(taught, WORD_TOKEN, axis=0),
        np.delete(token_table.expand(base)[token_table.ROWS], WORD_TOKEN, axis=0),
    )
