"""sd-tiny's UNet: Stable Diffusion's blocks, at 80 channels on 8x8 and 128 on 4x4."""

import math
from collections.abc import Sequence
from itertools import repeat

import keras
import tensorflow as tf

from sdp_exporter.models.tiny.attention import Attention, KeysAndValues
from sdp_serving.contract.signatures import LATENT_CHANNELS

_OUTER = 80
_INNER = 128
_TIME_WIDTH = 256
_HEADS = 4
_GROUPS = 8


class DiffusionModel(keras.Model):  # type: ignore[misc]  # Keras has no types.
    """Predicts the noise in a latent.

    Called with latent float32 [batch, 8, 8, 4], timestep float32 [batch] from 0 to 999 and context float32
    [batch, 77, width], or what `keys_and_values` made of it; returns float32 [batch, 8, 8, 4].
    """

    def __init__(self) -> None:
        # Whatever the layers' precision: timesteps are numbers that bfloat16 does not have.
        super().__init__(name="diffusion_model", dtype="float32")
        self._time_1 = keras.layers.Dense(_TIME_WIDTH, name="time_1")
        self._time_2 = keras.layers.Dense(_TIME_WIDTH, name="time_2")
        self._in = keras.layers.Conv2D(_OUTER, 3, padding="same", name="in")
        self._down = [_Block(_OUTER, f"down_{index}") for index in range(2)]
        self._downsample = keras.layers.Conv2D(_INNER, 3, strides=2, padding="same", name="downsample")
        self._middle = _Block(_INNER, "middle")
        self._middle_residual = _Residual(_INNER, "middle_residual")
        self._upsample = keras.layers.Conv2D(_OUTER, 3, padding="same", name="upsample")
        self._up = [_Block(_OUTER, f"up_{index}", widened=True) for index in range(2)]
        self._normalise = _normalisation("normalise")
        self._out = keras.layers.Conv2D(LATENT_CHANNELS, 3, padding="same", name="out")

    def keys_and_values(self, context: tf.Tensor) -> list[KeysAndValues]:
        """Computes what depends on the context alone, which is the same in every step."""
        blocks = [*self._down, self._middle, *self._up]
        return [block.keys_and_values(context) for block in blocks]

    def call(self, latent: tf.Tensor, timestep: tf.Tensor, context: tf.Tensor | Sequence[KeysAndValues]) -> tf.Tensor:
        """Predicts the noise."""
        contexts = repeat(context) if tf.is_tensor(context) else iter(context)
        time = self._time_2(tf.nn.silu(self._time_1(_sinusoids(timestep))))
        features = self._in(latent)
        skipped = []
        for block in self._down:
            features = block(features, time, next(contexts))
            skipped.append(features)
        features = self._middle(self._downsample(features), time, next(contexts))
        features = self._middle_residual(features, time)
        features = self._upsample(tf.repeat(tf.repeat(features, 2, axis=1), 2, axis=2))
        for block in self._up:
            features = block(tf.concat([features, skipped.pop()], axis=-1), time, next(contexts))
        return tf.cast(self._out(tf.nn.silu(self._normalise(features))), tf.float32)


class _Block(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types.
    """A residual block and a transformer block; `widened` where what comes in has more channels than what goes out."""

    def __init__(self, channels: int, name: str, *, widened: bool = False) -> None:
        super().__init__(name=name)
        self._residual = _Residual(channels, "residual", widened=widened)
        self._transformer = _Transformer(channels, "transformer")

    def keys_and_values(self, context: tf.Tensor) -> KeysAndValues:
        return self._transformer.keys_and_values(context)

    def call(self, features: tf.Tensor, time: tf.Tensor, context: tf.Tensor | KeysAndValues) -> tf.Tensor:
        return self._transformer(self._residual(features, time), context)


class _Residual(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types.
    """Two convolutions that know the time, beside a shortcut."""

    def __init__(self, channels: int, name: str, *, widened: bool = False) -> None:
        super().__init__(name=name)
        self._normalise_1 = _normalisation("normalise_1")
        self._first = keras.layers.Conv2D(channels, 3, padding="same", name="first")
        self._time = keras.layers.Dense(channels, name="time")
        self._normalise_2 = _normalisation("normalise_2")
        self._second = keras.layers.Conv2D(channels, 3, padding="same", kernel_initializer="zeros", name="second")
        self._shortcut = keras.layers.Dense(channels, name="shortcut") if widened else None

    def call(self, features: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
        hidden = self._first(tf.nn.silu(self._normalise_1(features)))
        hidden += self._time(tf.nn.silu(time))[:, tf.newaxis, tf.newaxis, :]
        hidden = self._second(tf.nn.silu(self._normalise_2(hidden)))
        return hidden + (features if self._shortcut is None else self._shortcut(features))


class _Transformer(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types.
    """Self-attention of the pixels, cross-attention to the context, and a gated perceptron (GEGLU)."""

    def __init__(self, channels: int, name: str) -> None:
        super().__init__(name=name)
        self._normalise_in = _normalisation("normalise_in")
        self._in = keras.layers.Dense(channels, name="in")
        self._normalise = [keras.layers.LayerNormalization(epsilon=1e-5, name=f"normalise_{i}") for i in range(3)]
        self._self_attention = Attention(channels, _HEADS, name="self_attention")
        self._cross_attention = Attention(channels, _HEADS, name="cross_attention")
        self._widen = keras.layers.Dense(8 * channels, name="widen")
        self._narrow = keras.layers.Dense(channels, name="narrow")
        self._out = keras.layers.Dense(channels, kernel_initializer="zeros", name="out")

    def keys_and_values(self, context: tf.Tensor) -> KeysAndValues:
        return self._cross_attention.keys_and_values(context)

    def call(self, features: tf.Tensor, context: tf.Tensor | KeysAndValues) -> tf.Tensor:
        _, height, width, channels = keras.ops.shape(features)
        pixels = self._in(tf.reshape(self._normalise_in(features), [-1, height * width, channels]))
        normal = self._normalise[0](pixels)
        pixels += self._self_attention(normal, normal)
        pixels += self._cross_attention(self._normalise[1](pixels), context)
        value, gate = tf.split(self._widen(self._normalise[2](pixels)), 2, axis=-1)
        pixels += self._narrow(value * tf.nn.gelu(gate, approximate=True))
        return features + tf.reshape(self._out(pixels), [-1, height, width, channels])


def _normalisation(name: str) -> keras.layers.Layer:
    return keras.layers.GroupNormalization(_GROUPS, epsilon=1e-5, name=name)


def _sinusoids(timestep: tf.Tensor) -> tf.Tensor:
    """Embeds timesteps as float32 [batch, 80], as Stable Diffusion does: cosines, then sines."""
    half = _OUTER // 2
    frequencies = tf.exp(-math.log(10000) * tf.range(half, dtype=tf.float32) / half)
    angles = tf.cast(timestep, tf.float32)[:, tf.newaxis] * frequencies
    return tf.concat([tf.cos(angles), tf.sin(angles)], axis=-1)
