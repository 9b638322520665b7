"""Rows of different lengths as one flat tensor of values and one of each value's row, in rising order."""

import tensorflow as tf


def neighbours(values: tf.Tensor, rows: tf.Tensor, offset: int, default: object) -> tf.Tensor:
    """For each value the one `offset` places after it (before it, if negative) in the same row, or else `default`.

    Args:
        values: [values].
        rows: integers [values], the row of each.
        offset: a number of places.
        default: a scalar of the values' dtype.
    """
    size = tf.size(rows)
    places = tf.range(size) + offset
    clipped = tf.clip_by_value(places, 0, tf.maximum(size - 1, 0))
    same_row = (places == clipped) & (tf.gather(rows, clipped) == rows)
    return tf.where(same_row, tf.gather(values, clipped), tf.constant(default, values.dtype))


def places_in_row(rows: tf.Tensor) -> tf.Tensor:
    """For each value its place in its row, from 0: int32 [values]."""
    begins = neighbours(tf.ones_like(rows), rows, -1, 0) == 0
    everywhere = tf.range(tf.size(rows))
    starts = tf.boolean_mask(everywhere, begins)
    return everywhere - tf.gather(starts, tf.cumsum(tf.cast(begins, tf.int32)) - 1)
