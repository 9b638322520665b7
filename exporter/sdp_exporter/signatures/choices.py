"""Inputs of text that choose among a few names."""

from enum import StrEnum

import tensorflow as tf

from sdp_exporter.signatures.checks import require


def codes(name: str, chosen: tf.Tensor, among: type[StrEnum]) -> tf.Tensor:
    """The place in `among` of each choice.

    Args:
        name: the input's name, for the message.
        chosen: string, of any shape.
        among: what can be chosen.

    Returns:
        int32, shaped like `chosen`.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if one is none of them.
    """
    matches = chosen[..., tf.newaxis] == tf.constant(list(among))
    known = require(
        tf.reduce_all(tf.reduce_any(matches, axis=-1)), f"{name} is {{}}; choose among {', '.join(among)}", chosen
    )
    with tf.control_dependencies([known]):
        return tf.argmax(matches, axis=-1, output_type=tf.int32)
