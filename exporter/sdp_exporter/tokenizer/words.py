"""Words that are tokens whatever stands beside them: CLIP's two, and those that a fine-tuned model has learnt."""

import re
from collections.abc import Mapping, Sequence

import tensorflow as tf

from sdp_exporter.tokenizer.splitting import split_around


class Words:
    """Finds such words in texts: the longest of those that begin at a place."""

    def __init__(self, words: Mapping[str, Sequence[int]]) -> None:
        """Take words, in lower case, with the tokens of each."""
        self._words = sorted(words, key=len, reverse=True)
        self._tokens = [words[word] for word in self._words]

    def split(self, texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Cut `texts`, string [texts] of valid UTF-8 in lower case, around such words.

        Returns:
            The parts, string [texts, (parts)], empty for such a word; and the tokens of each part that is one, of no
            other, int32 [all parts, (tokens)].
        """
        parts = split_around(texts, "|".join(map(re.escape, self._words)))
        matches = parts.flat_values[:, tf.newaxis] == tf.constant(self._words)
        is_word = tf.reduce_any(matches, axis=-1)
        which = tf.where(is_word, tf.argmax(tf.cast(matches, tf.int32), axis=-1), len(self._words))
        tokens = tf.ragged.constant([*self._tokens, []], tf.int32)
        return parts.with_flat_values(tf.where(is_word, "", parts.flat_values)), tf.gather(tokens, which)
