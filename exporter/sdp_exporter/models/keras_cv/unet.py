"""The diffusion model of Stable Diffusion, of KerasCV's layers."""

import math
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Final, NamedTuple

import keras
import tensorflow as tf

from sdp_exporter.models.keras_cv import package
from sdp_exporter.models.keras_cv.anatomy import BLOCKS_A_LEVEL, UNetAnatomy
from sdp_exporter.models.keras_cv.composite import Composite
from sdp_serving.contract.signatures import LATENT_CHANNELS

_kcv: Final = package.modules()["diffusion_model"]


class KeysAndValues(NamedTuple):
    """What a sequence is to those who look at it, [batch, heads, length, width of a head] each."""

    keys: tf.Tensor
    values: tf.Tensor


class DiffusionModel(Composite, keras.Model):  # type: ignore[misc]  # Keras has no types.
    """KerasCV's `DiffusionModel` and `DiffusionModelV2`, which embed the timestep themselves.

    Called with latent float32 [batch, h, w, 4], timestep float32 [batch] from 0 to 999 and context float32
    [batch, 77, width], or what `keys_and_values` made of it; returns float32 [batch, h, w, 4]. h and w are multiples of
    8, and may be unknown in a graph.
    """

    def __init__(self, anatomy: UNetAnatomy) -> None:
        # Whatever the layers' precision: timesteps are numbers that bfloat16 does not have.
        super().__init__(name="diffusion_model", dtype="float32")
        first, *_ = anatomy.channels
        self._frequencies = first // 2
        # Attributes are set in the order of KerasCV's variables, not in that of the calls.
        self._time_1 = keras.layers.Dense(anatomy.time_width)
        self._in = _convolution(first)
        self._time_2 = keras.layers.Dense(anatomy.time_width)
        last = len(anatomy.channels) - 1
        self._down = [
            Down(anatomy, level, downsample=level < last, transform=level < last) for level in range(last + 1)
        ]
        self._middle_1 = _kcv.ResBlock(anatomy.channels[last])
        self._middle_2 = _transformer(anatomy, last)
        self._middle_3 = _kcv.ResBlock(anatomy.channels[last])
        self._up = [
            Up(anatomy, level, upsample=level > 0, transform=level < last) for level in reversed(range(last + 1))
        ]
        self._normalise = keras.layers.GroupNormalization(epsilon=1e-5)
        self._out = _convolution(LATENT_CHANNELS)

    def keys_and_values(self, context: tf.Tensor) -> list[KeysAndValues]:
        """Compute what depends on the context alone, which is the same in every step."""
        down, up = ([block for level in way for block in level.blocks] for way in (self._down, self._up))
        transformers = [*(block.transformer for block in down), self._middle_2, *(block.transformer for block in up)]
        return [each.keys_and_values(context) for each in transformers if each is not None]

    def call(self, latent: tf.Tensor, timestep: tf.Tensor, context: tf.Tensor | Sequence[KeysAndValues]) -> tf.Tensor:
        """Predict what is in the latent."""
        contexts = repeat(context) if tf.is_tensor(context) else iter(context)
        time = self._time_2(tf.nn.silu(self._time_1(self._embed(timestep))))
        features = self._in(latent)
        skipped = [features]
        for down in self._down:
            skipped += down(skipped[-1], time, contexts=contexts)
        features = self._middle_1([skipped[-1], time])
        features = self._middle_2(features, next(contexts))
        features = self._middle_3([features, time])
        for up in self._up:
            beside = [skipped.pop() for _ in up.blocks]
            features = up(features, beside, time, contexts=contexts)
        return tf.cast(self._out(tf.nn.silu(self._normalise(features))), tf.float32)

    def _embed(self, timestep: tf.Tensor) -> tf.Tensor:
        """Cosines, then sines, as KerasCV's `_get_timestep_embedding` computes them outside of the model."""
        exponents = tf.range(self._frequencies, dtype=tf.float32) / self._frequencies
        angles = tf.cast(timestep, tf.float32)[:, tf.newaxis] * tf.exp(-math.log(10000) * exponents)
        return tf.concat([tf.cos(angles), tf.sin(angles)], axis=-1)


class Down(Composite):
    """One level of the way down; returns what it leaves for the way up, its last features at the end."""

    def __init__(self, anatomy: UNetAnatomy, level: int, *, downsample: bool, transform: bool) -> None:
        super().__init__()
        self.blocks = [Block(anatomy, level, transform=transform) for _ in range(BLOCKS_A_LEVEL)]
        channels = anatomy.channels[level]
        self._downsample = _convolution(channels, strides=2) if downsample else None

    def call(
        self, features: tf.Tensor, time: tf.Tensor, contexts: Iterator[tf.Tensor | KeysAndValues]
    ) -> list[tf.Tensor]:
        """The features after each of its layers; every transformer takes one of `contexts`."""
        left = []
        for block in self.blocks:
            features = block(features, time, contexts=contexts)
            left.append(features)
        if self._downsample is not None:
            left.append(self._downsample(features))
        return left


class Up(Composite):
    """One level of the way up, which sees what the way down has left at its level."""

    def __init__(self, anatomy: UNetAnatomy, level: int, *, upsample: bool, transform: bool) -> None:
        super().__init__()
        self.blocks = [Block(anatomy, level, transform=transform) for _ in range(BLOCKS_A_LEVEL + 1)]
        self._upsample = _kcv.Upsample(anatomy.channels[level]) if upsample else None

    def call(
        self,
        features: tf.Tensor,
        beside: list[tf.Tensor],
        time: tf.Tensor,
        contexts: Iterator[tf.Tensor | KeysAndValues],
    ) -> tf.Tensor:
        """Go up one level, with the features `beside` that the way down has left, the last first."""
        for block, left in zip(self.blocks, beside, strict=True):
            features = block(tf.concat([features, left], axis=-1), time, contexts=contexts)
        return features if self._upsample is None else self._upsample(features)


class Block(Composite):
    """A residual block and, if wanted, a transformer."""

    def __init__(self, anatomy: UNetAnatomy, level: int, *, transform: bool) -> None:
        super().__init__()
        self._residual = _kcv.ResBlock(anatomy.channels[level])
        self.transformer = _transformer(anatomy, level) if transform else None

    def call(self, features: tf.Tensor, time: tf.Tensor, contexts: Iterator[tf.Tensor | KeysAndValues]) -> tf.Tensor:
        """Let the features know the time and the context."""
        features = self._residual([features, time])
        return features if self.transformer is None else self.transformer(features, next(contexts))


class Transformer(Composite):
    """KerasCV's `SpatialTransformer`, for pictures whose size the graph need not know."""

    def __init__(self, channels: int, heads: int, *, linear_projections: bool) -> None:
        super().__init__()
        self._normalise = keras.layers.GroupNormalization(epsilon=1e-5)
        self._in = _projection(channels, linear=linear_projections)
        self._normalise_1 = keras.layers.LayerNormalization(epsilon=1e-5)
        self._self_attention = Attention(channels, heads)
        self._normalise_2 = keras.layers.LayerNormalization(epsilon=1e-5)
        self._cross_attention = Attention(channels, heads)
        self._normalise_3 = keras.layers.LayerNormalization(epsilon=1e-5)
        self._widen = _kcv.GEGLU(4 * channels)
        self._narrow = keras.layers.Dense(channels)
        self._out = _projection(channels, linear=linear_projections)

    def keys_and_values(self, context: tf.Tensor) -> KeysAndValues:
        """Compute what its look at the context needs of the context."""
        return self._cross_attention.keys_and_values(context)

    def call(self, features: tf.Tensor, context: tf.Tensor | KeysAndValues) -> tf.Tensor:
        """Let `features`, [batch, h, w, channels], look at themselves and at the context."""
        _, height, width, channels = keras.ops.shape(features)
        pixels = tf.reshape(self._in(self._normalise(features)), [-1, height * width, channels])
        normal = self._normalise_1(pixels)
        pixels += self._self_attention(normal, normal)
        pixels += self._cross_attention(self._normalise_2(pixels), context)
        pixels += self._narrow(self._widen(self._normalise_3(pixels)))
        return features + self._out(tf.reshape(pixels, [-1, height, width, channels]))


class Attention(Composite):
    """KerasCV's `CrossAttention`, for sequences whose length the graph need not know."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self._head_width = channels // heads
        self._query = keras.layers.Dense(channels, use_bias=False)
        self._key = keras.layers.Dense(channels, use_bias=False)
        self._value = keras.layers.Dense(channels, use_bias=False)
        self._out = keras.layers.Dense(channels)

    def call(self, features: tf.Tensor, context: tf.Tensor | KeysAndValues) -> tf.Tensor:
        """Let `features`, [batch, length, channels], look at `context`, [batch, any length, any width]."""
        keys, values = context if isinstance(context, KeysAndValues) else self.keys_and_values(context)
        # Scaled before they meet: there are fewer queries than scores, and half precision holds no larger ones.
        query = self._split(self._query(features)) * self._head_width**-0.5
        weights = tf.nn.softmax(tf.matmul(query, keys, transpose_b=True))
        mixed = tf.transpose(tf.matmul(weights, values), [0, 2, 1, 3])
        return self._out(tf.reshape(mixed, [-1, keras.ops.shape(features)[1], self._heads * self._head_width]))

    def keys_and_values(self, context: tf.Tensor) -> KeysAndValues:
        """Compute what depends on the context alone."""
        return KeysAndValues(self._split(self._key(context)), self._split(self._value(context)))

    def _split(self, features: tf.Tensor) -> tf.Tensor:
        length = keras.ops.shape(features)[1]
        return tf.transpose(tf.reshape(features, [-1, length, self._heads, self._head_width]), [0, 2, 1, 3])


def _transformer(anatomy: UNetAnatomy, level: int) -> Transformer:
    return Transformer(anatomy.channels[level], anatomy.heads[level], linear_projections=anatomy.linear_projections)


def _projection(channels: int, *, linear: bool) -> keras.layers.Layer:
    return keras.layers.Dense(channels) if linear else _kcv.PaddedConv2D(channels, 1)


def _convolution(channels: int, strides: int = 1) -> keras.layers.Layer:
    return _kcv.PaddedConv2D(channels, 3, strides=strides, padding=1)
