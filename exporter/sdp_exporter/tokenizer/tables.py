"""Tables from integers, held as constants: a SavedModel stores each once, however often it is read."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


class Table:
    """Some integers with a value each."""

    def __init__(self, keys: NDArray[np.integer], values: NDArray[np.int32]) -> None:
        """Take `keys` [entries], all different, and `values` [entries], in any order."""
        order = np.argsort(keys)
        self._keys, self._values = tf.constant(keys[order]), tf.constant(values[order])

    def __call__(self, queries: tf.Tensor, default: tf.Tensor | int) -> tf.Tensor:
        """For each of `queries`, of the keys' dtype [queries], its value, int32, or `default`."""
        places = tf.minimum(tf.searchsorted(self._keys, queries), tf.size(self._keys) - 1)
        return tf.where(tf.gather(self._keys, places) == queries, tf.gather(self._values, places), default)


class Ranges:
    """Every integer from 0 on with a value, which most share with their neighbours."""

    def __init__(self, values: NDArray[np.int32]) -> None:
        """Take the values of 0, 1, ...: [values]. All further integers have the last one's."""
        starts = np.flatnonzero(np.diff(values, prepend=values[0] - 1))
        self._starts, self._values = tf.constant(starts, tf.int32), tf.constant(values[starts])

    def __call__(self, queries: tf.Tensor) -> tf.Tensor:
        """For each of `queries`, int32 [queries] and not negative, its value, int32."""
        return tf.gather(self._values, tf.searchsorted(self._starts, queries, side="right") - 1)
