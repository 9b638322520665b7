import numpy as np

from sdp_exporter.models.tiny import token_table
from sdp_exporter.models.tiny.arrays import Arrays

KEPT: Arrays = {
    "text_encoder/positions": np.ones((77, 2), np.float16),
    token_table.TOKENS: np.array([320, 49407], np.int32),
    token_table.ROWS: np.array([[1, 2], [3, 4]], np.float16),
}


def test_kept_rows_stand_at_their_tokens() -> None:
    table = token_table.expand(KEPT)[token_table.ROWS]

    assert table.shape == (49408, 2)
    np.testing.assert_array_equal(table[[320, 49407]], KEPT[token_table.ROWS])


def test_all_other_rows_are_small_and_the_same_each_time() -> None:
    first, second = (token_table.expand(KEPT)[token_table.ROWS] for _ in range(2))

    others = np.delete(first, [320, 49407], axis=0).astype(np.float32)
    assert 0.019 < others.std() < 0.021
    np.testing.assert_array_equal(first, second)


def test_other_arrays_stay_and_the_list_of_tokens_goes() -> None:
    expanded = token_table.expand(KEPT)

    assert set(expanded) == {"text_encoder/positions", token_table.ROWS}
    assert expanded["text_encoder/positions"] is KEPT["text_encoder/positions"]
