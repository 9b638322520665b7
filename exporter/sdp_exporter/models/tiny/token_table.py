"""The text encoder's token table, of which only the rows that training saw are kept on disk."""

from typing import Final

import numpy as np

from sdp_exporter.models.tiny.arrays import Arrays
from sdp_exporter.models.tiny.text_tower import VOCABULARY

ROWS: Final = "text_encoder/token_table"
"""The table's key among the arrays of a text encoder."""
TOKENS: Final = "token_table_tokens"
"""The key of the tokens that the kept rows belong to, int32 [rows], beside `ROWS`."""

_SEED = 0
_DEVIATION = 0.02


def expand(arrays: Arrays) -> Arrays:
    """Returns the arrays with a row for every token of CLIP's vocabulary.

    A token that training did not see has a small random row, the same each time, as in a model before training.
    """
    rows = arrays[ROWS]
    table = np.random.default_rng(_SEED).normal(0, _DEVIATION, (VOCABULARY, rows.shape[1])).astype(rows.dtype)
    table[arrays[TOKENS]] = rows
    return {**{name: array for name, array in arrays.items() if name != TOKENS}, ROWS: table}
