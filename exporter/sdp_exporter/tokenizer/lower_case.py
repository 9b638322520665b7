"""Lower case, as Python's `str.lower` has it."""

from typing import Final

import numpy as np
import tensorflow as tf

from sdp_exporter.tokenizer.characters import Casing, casings, lower_case
from sdp_exporter.tokenizer.rows import neighbours
from sdp_exporter.tokenizer.tables import Ranges, Table

_SIGMA: Final = ord("Σ")
_FINAL_SIGMA: Final = ord("ς")


class LowerCase:
    """Not `tf.strings.lower`: that one ends a text at a NUL, and goes by TensorFlow's release of Unicode."""

    def __init__(self) -> None:
        changed = lower_case()
        self._lower = Table(np.array(list(changed), np.int32), np.array(list(changed.values()), np.int32))
        self._casing = Ranges(casings())

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Lower `texts`, string [texts] of valid UTF-8."""
        # The one character whose lower case is two.
        texts = tf.strings.regex_replace(texts, "\u0130", "i\u0307")
        codes = tf.strings.unicode_decode(texts, "UTF-8")
        flat = codes.flat_values
        lowered = self._lower(flat, default=flat)
        lowered = tf.where(self._is_final_sigma(flat, codes.value_rowids()), _FINAL_SIGMA, lowered)
        return tf.strings.unicode_encode(codes.with_flat_values(lowered), "UTF-8")

    def _is_final_sigma(self, codes: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """Which capital sigmas end a word (Unicode's condition Final_Sigma): bool [codes].

        Args:
            codes: int32 [codes].
            rows: integers [codes], the text of each.
        """
        casing = self._casing(codes)
        counted = casing != Casing.IGNORED
        # Among the characters that count, those beside the sigma decide.
        is_cased = tf.boolean_mask(casing == Casing.CASED, counted)
        counted_rows = tf.boolean_mask(rows, counted)
        after = neighbours(is_cased, counted_rows, 1, False)
        before = neighbours(is_cased, counted_rows, -1, False)
        ends = tf.scatter_nd(tf.where(counted), before & ~after, tf.shape(codes, tf.int64))
        return (codes == _SIGMA) & ends
