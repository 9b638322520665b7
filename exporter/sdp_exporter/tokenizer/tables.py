"""Tables from integers, small enough to be stored in every graph that reads them."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


class Table:
    """Some integers with a value each."""

    def __init__(self, keys: NDArray[np.integer], values: NDArray[np.int32]) -> None:
        """Take `keys` [entries], all different and not negative, and `values` [entries], in any order."""
        order = np.argsort(keys)
        self._keys, self._values = keys[order], values[order]

    def __call__(self, queries: tf.Tensor, default: tf.Tensor | int) -> tf.Tensor:
        """For each of the integers `queries` [queries] its value, int32, or `default`."""
        keys = tf.constant(self._keys, queries.dtype)
        places = tf.minimum(tf.searchsorted(keys, queries), len(self._keys) - 1)
        return tf.where(tf.gather(keys, places) == queries, tf.gather(tf.constant(self._values), places), default)


class Ranges:
    """Every integer from 0 on with a value, which most share with their neighbours."""

    def __init__(self, values: NDArray[np.int32]) -> None:
        """Take the values of 0, 1, ...: [values]. All further integers have the last one's."""
        self._starts = np.flatnonzero(np.diff(values, prepend=values[0] - 1)).astype(np.int32)
        self._values = values[self._starts]

    def __call__(self, queries: tf.Tensor) -> tf.Tensor:
        """For each of the integers `queries`, int32 [queries], its value, int32."""
        places = tf.searchsorted(tf.constant(self._starts), queries, side="right") - 1
        return tf.gather(tf.constant(self._values), places)
