"""Multi-head attention, of a sequence to itself or to another."""

from typing import NamedTuple

import keras
import tensorflow as tf


class KeysAndValues(NamedTuple):
    """What a sequence is to those who look at it, [batch, length, heads, width of a head] each."""

    keys: tf.Tensor
    values: tf.Tensor


class Attention(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types.
    """Scaled dot-product attention with `heads` heads: float32 [batch, queries, width] -> the same shape."""

    def __init__(self, width: int, heads: int, *, causal: bool = False, name: str) -> None:
        super().__init__(name=name)
        self._heads = heads
        self._head_width = width // heads
        self._causal = causal
        self._query = keras.layers.Dense(width, use_bias=False, name="query")
        self._key = keras.layers.Dense(width, use_bias=False, name="key")
        self._value = keras.layers.Dense(width, use_bias=False, name="value")
        self._out = keras.layers.Dense(width, name="out")

    def call(self, features: tf.Tensor, context: tf.Tensor | KeysAndValues) -> tf.Tensor:
        """Lets `features` look at `context`, float32 [batch, keys, any width], or what was made of it."""
        keys, values = context if isinstance(context, KeysAndValues) else self.keys_and_values(context)
        query = self._split(self._query(features)) * self._head_width**-0.5
        scores = tf.einsum("bqhd,bkhd->bhqk", query, keys)
        if self._causal:
            allowed = tf.linalg.band_part(tf.ones(scores.shape[2:], scores.dtype), -1, 0)
            scores += (allowed - 1) * 1e4
        mixed = tf.einsum("bhqk,bkhd->bqhd", tf.nn.softmax(scores), values)
        return self._out(tf.reshape(mixed, [-1, keras.ops.shape(features)[1], self._heads * self._head_width]))

    def keys_and_values(self, context: tf.Tensor) -> KeysAndValues:
        """Computes what depends on the context alone."""
        return KeysAndValues(self._split(self._key(context)), self._split(self._value(context)))

    def _split(self, features: tf.Tensor) -> tf.Tensor:
        return tf.reshape(features, [-1, keras.ops.shape(features)[1], self._heads, self._head_width])
