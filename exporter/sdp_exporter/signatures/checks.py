"""Checks inside the graph: a bad request is answered with INVALID_ARGUMENT and a sentence, not from inside a kernel."""

import tensorflow as tf


def require(condition: tf.Tensor, sentence: str, *values: tf.Tensor) -> tf.Operation | None:
    """Fail the request unless `condition` holds.

    The answer must be made a control dependency of what the check guards: nothing else orders the two.

    Args:
        condition: bool scalar.
        sentence: what is wrong and what to do; each `{}` is filled with one of `values`.
        values: tensors for the sentence.
    """
    return tf.debugging.Assert(condition, [tf.strings.format(sentence, list(values))])


def require_positive_batch(batch_size: tf.Tensor) -> tf.Operation | None:
    """Fail unless the int32 scalar `batch_size` is at least 1."""
    return require(batch_size >= 1, "batch_size is {}; it must be at least 1", batch_size)


def as_declared(name: str, tensor: tf.Tensor) -> tf.Tensor:
    """`tensor`, certain to have the rows' shape that its signature declares: the server does not check it.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if it has another.
    """
    declared = tensor.shape[1:].as_list()
    row = tf.shape(tensor)[1:]
    fits = require(
        tf.reduce_all(row == declared),
        f"{name} has rows of the shape {{}}, not {declared}: it comes from a model of another anatomy",
        row,
    )
    with tf.control_dependencies([fits]):
        return tf.identity(tensor)


def for_batch(name: str, tensor: tf.Tensor, batch_size: tf.Tensor, *, said_by: str = "batch_size is") -> tf.Tensor:
    """`tensor` with `batch_size` rows: as it is, or its single row repeated.

    Args:
        name: the input's name, for the message.
        tensor: [batch_size, ...] or [1, ...].
        batch_size: int32 scalar.
        said_by: which input says how many, for the message.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if `tensor` has another number of rows.
    """
    rows = tf.shape(tensor)[0]
    fits = require(
        (rows == batch_size) | (rows == 1),
        f"{name} has {{}} rows but {said_by} {{}}: give as many rows as images, or one for all",
        rows,
        batch_size,
    )
    with tf.control_dependencies([fits]):
        return tf.repeat(tensor, tf.where(rows == batch_size, 1, batch_size), axis=0)
