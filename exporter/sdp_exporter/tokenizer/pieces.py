"""The pieces of a text that no token reaches across: contractions, words, single digits, runs of anything else."""

from collections.abc import Iterable
from functools import reduce
from typing import Final, NamedTuple

import tensorflow as tf

from sdp_exporter.tokenizer.characters import Kind, kinds
from sdp_exporter.tokenizer.rows import neighbours
from sdp_exporter.tokenizer.tables import Ranges

_APOSTROPHE: Final = ord("'")
_SHORT: Final = "stmd\u017f"
"""Letters that are a contraction after an apostrophe; the last is the long s, whose upper case is that of s."""
_LONG: Final = ("re", "ve", "ll")
_NONE: Final = -1


class Characters(NamedTuple):
    """The characters of some texts, spaces left out."""

    codes: tf.Tensor
    """int32 [characters]"""
    rows: tf.Tensor
    """int64 [characters], the text of each, in rising order."""
    pieces: tf.Tensor
    """int32 [characters], the piece of each, in rising order, from 0."""


class Pieces:
    """Splits texts, as the pattern of CLIP does."""

    def __init__(self) -> None:
        self._kind = Ranges(kinds())

    def __call__(self, texts: tf.Tensor) -> Characters:
        """Split `texts`, string [texts] of valid UTF-8 in lower case."""
        decoded = tf.strings.unicode_decode(texts, "UTF-8")
        codes, rows = decoded.flat_values, decoded.value_rowids()
        kind = self._kind(codes)
        starts = _starts(codes, rows, kind)
        visible = kind != Kind.SPACE
        pieces = tf.cumsum(tf.cast(starts & visible, tf.int32)) - 1
        return Characters(*(tf.boolean_mask(each, visible) for each in (codes, rows, pieces)))


def _starts(codes: tf.Tensor, rows: tf.Tensor, kind: tf.Tensor) -> tf.Tensor:
    """Which characters are the first of their piece, bool [characters]; spaces may be too."""
    changes = kind != neighbours(kind, rows, -1, _NONE)
    # An apostrophe within a run of other signs belongs to that.
    leads = (codes == _APOSTROPHE) & changes
    first, second = (neighbours(codes, rows, offset, _NONE) for offset in (1, 2))
    short = leads & _any(first == ord(letter) for letter in _SHORT)
    long = leads & _any((first == ord(one)) & (second == ord(other)) for one, other in _LONG)
    inside = _moved(short | long, rows, 1) | _moved(long, rows, 2)
    after = _moved(short, rows, 2) | _moved(long, rows, 3)
    return (changes | (kind == Kind.NUMBER) | after) & ~inside


def _moved(flags: tf.Tensor, rows: tf.Tensor, places: int) -> tf.Tensor:
    return neighbours(flags, rows, -places, False)


def _any(flags: Iterable[tf.Tensor]) -> tf.Tensor:
    return reduce(tf.logical_or, flags)
