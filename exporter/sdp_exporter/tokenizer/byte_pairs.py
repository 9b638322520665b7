"""Words to tokens: byte pair encoding (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909), all words at once."""

from typing import Final, NamedTuple

import numpy as np
import tensorflow as tf

from sdp_exporter.tokenizer.rows import neighbours, places_in_row
from sdp_exporter.tokenizer.tables import Table
from sdp_serving.contract.vocabulary import SIZE, byte_tokens, merges, tokens

_LETTERS: Final = 256
"""Tokens of single bytes inside a word; as many follow for a word's last byte."""
_NEVER: Final = SIZE
"""The token of a pair that is not merged: above every other."""


class _Parts(NamedTuple):
    """The parts that words consist of at some moment."""

    tokens: tf.Tensor
    """int32 [parts]"""
    words: tf.Tensor
    """int32 [parts], the word of each, in rising order."""
    pairs: tf.Tensor
    """int32 [parts], the token of each merged with the next of its word, or _NEVER."""


class BytePairs:
    """CLIP's merges. A merge's place in their order is also its token's among the tokens."""

    def __init__(self) -> None:
        token = tokens()
        pairs = np.array([[token[left], token[right]] for left, right in merges()], np.int64)
        merged = np.array([token[left + right] for left, right in merges()], np.int32)
        self._bytes = tf.constant(byte_tokens(), tf.int32)
        self._merged = Table(pairs[:, 0] * SIZE + pairs[:, 1], merged)

    def __call__(self, values: tf.Tensor, words: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Encode words.

        Args:
            values: uint8 [bytes], the words' bytes one after another.
            words: int32 [bytes], the word of each, in rising order.

        Returns:
            The tokens, int32 [tokens], and the word of each, int32 [tokens].
        """
        ends = neighbours(tf.ones_like(words), words, 1, 0) == 0
        inside = tf.gather(self._bytes, tf.cast(values, tf.int32))
        parts = inside + _LETTERS * tf.cast(ends, tf.int32)
        any_number = tf.TensorShape([None])
        state = _Parts(parts, words, self._pairs(parts, words))
        done = tf.while_loop(
            lambda parts: tf.reduce_any(parts.pairs < _NEVER),
            lambda parts: [self._merge(parts)],
            [state],
            shape_invariants=[_Parts(any_number, any_number, any_number)],
        )[0]
        return done.tokens, done.words

    def _merge(self, parts: _Parts) -> _Parts:
        """Merge, in each word, the pair that goes first, wherever the word has it."""
        first = tf.gather(tf.math.segment_min(parts.pairs, parts.words), parts.words)
        chosen = (parts.pairs == first) & (parts.pairs < _NEVER)
        # Of pairs that overlap, as in three equal parts, the left one.
        run_begins = chosen != neighbours(chosen, parts.words, -1, False)
        taken = chosen & (places_in_row(tf.cumsum(tf.cast(run_begins, tf.int32))) % 2 == 0)
        stays = ~neighbours(taken, parts.words, -1, False)
        tokens_ = tf.boolean_mask(tf.where(taken, parts.pairs, parts.tokens), stays)
        words = tf.boolean_mask(parts.words, stays)
        return _Parts(tokens_, words, self._pairs(tokens_, words))

    def _pairs(self, parts: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
        """The token of each part merged with the next of its word, or _NEVER, int32 [parts]."""
        following = neighbours(parts, words, 1, SIZE)
        key = tf.cast(parts, tf.int64) * SIZE + tf.cast(following, tf.int64)
        return tf.where(following == SIZE, _NEVER, self._merged(key, default=_NEVER))
