"""Texts cut around what a pattern matches."""

from typing import Final

import tensorflow as tf

_CUT: Final = b"\xff"
"""A byte that no valid UTF-8 has."""


def split_around(texts: tf.Tensor, pattern: str) -> tf.RaggedTensor:
    """Cut `texts` before and after each match.

    Args:
        texts: string [texts] of valid UTF-8.
        pattern: in RE2's syntax.

    Returns:
        string [texts, (parts)]: what lies between matches, perhaps empty, and the matches by turns.
    """
    marked = tf.strings.regex_replace(texts, f"({pattern})", _CUT + rb"\1" + _CUT)
    return tf.strings.split(marked, sep=_CUT)
