"""HTML entities, resolved as Python's `html.unescape` does."""

import html
from html.entities import html5
from typing import Final

import numpy as np
import tensorflow as tf

from sdp_exporter.tokenizer.splitting import split_around
from sdp_exporter.tokenizer.tables import Table

_DECIMAL: Final = "&#[0-9]+;?"
_HEXADECIMAL: Final = "&#[xX][0-9a-fA-F]+;?"
_DIGITS: Final = 8
"""More than any code point has, in base 10 or 16."""
_REPLACEMENT: Final = 0xFFFD
_GONE: Final = -1
_CODE_POINTS: Final = 0x110000


class Entities(tf.Module):  # type: ignore[misc]  # TensorFlow has no types.
    """Named entities, those without a semicolon that HTML allows too, and numeric ones."""

    def __init__(self) -> None:
        super().__init__(name="entities")
        # A name that needs no semicolon is one only where none with a semicolon is, and the longest at that.
        names = sorted(html5, key=lambda name: (not name.endswith(";"), -len(name)))
        self._pattern = "|".join([_DECIMAL, _HEXADECIMAL, *(f"&{name}" for name in names)])
        self._named = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer([f"&{name}" for name in names], [html5[name] for name in names]), ""
        )
        self._irregular = _irregular()

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Resolve the entities in `texts`, string [texts] of valid UTF-8."""
        parts = split_around(texts, self._pattern)
        resolved = self._resolve(parts.flat_values)
        return tf.strings.reduce_join(parts.with_flat_values(resolved), axis=-1)

    def _resolve(self, parts: tf.Tensor) -> tf.Tensor:
        named = self._named.lookup(parts)
        text = tf.where(named == "", parts, named)
        for pattern, base in ((_DECIMAL, 10), (_HEXADECIMAL, 16)):
            text = tf.where(tf.strings.regex_full_match(parts, pattern), self._character(parts, base), text)
        return text

    def _character(self, parts: tf.Tensor, base: int) -> tf.Tensor:
        """The characters of numeric entities, string [parts]; nothing of use for other parts."""
        digits = tf.strings.regex_replace(parts, "^&#[xX]?0*([0-9a-fA-F]*);?$", r"\1")
        too_large = tf.strings.length(digits) > _DIGITS
        padded = tf.strings.substr(tf.strings.join(["0" * _DIGITS, digits]), -_DIGITS, _DIGITS)
        value = tf.reduce_sum(_digit_values(padded) * [base**place for place in reversed(range(_DIGITS))], axis=-1)
        beyond = too_large | (value >= _CODE_POINTS)
        code = tf.where(beyond, _REPLACEMENT, tf.cast(value, tf.int32))
        code = self._irregular(code, default=code)
        return tf.where(code == _GONE, "", tf.strings.unicode_encode(code[:, tf.newaxis], "UTF-8"))


def _digit_values(texts: tf.Tensor) -> tf.Tensor:
    """The values of digits in base 16, int64 [texts, _DIGITS], from string [texts] of so many."""
    characters = tf.cast(tf.io.decode_raw(texts, tf.uint8, fixed_length=_DIGITS), tf.int64)
    return tf.where(characters <= ord("9"), characters - ord("0"), characters % 32 + 9)


def _irregular() -> Table:
    """The code points whose entity is another character, or none at all."""
    planes = range(0, _CODE_POINTS, 0x10000)
    candidates = [*range(0x100), *range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0)]
    candidates += [plane + last for plane in planes for last in (0xFFFE, 0xFFFF)]
    resolved = {code: html.unescape(f"&#{code};") for code in candidates}
    changed = {code: ord(text) if text else _GONE for code, text in resolved.items() if text != chr(code)}
    return Table(np.array(list(changed), np.int32), np.array(list(changed.values()), np.int32))
