"""The decoder and the image encoder of Stable Diffusion, of KerasCV's layers."""

from typing import Final

import keras
import tensorflow as tf

from sdp_exporter.models.keras_cv import package
from sdp_exporter.models.keras_cv.anatomy import BLOCKS_A_LEVEL, AutoencoderAnatomy
from sdp_exporter.models.keras_cv.composite import Composite
from sdp_serving.contract.signatures import LATENT_CHANNELS

_PaddedConv2D: Final = package.modules()["padded_conv2d"].PaddedConv2D
_ResnetBlock: Final = package.modules()["resnet_block"].ResnetBlock
_AttentionBlock: Final = package.modules()["attention_block"].AttentionBlock

_SCALE: Final = 0.18215
"""By which the image encoder's means are multiplied to be of unit variance, in both versions."""


class Decoder(Composite, keras.Model):  # type: ignore[misc]  # Keras has no types.
    """KerasCV's `Decoder`: float32 [batch, h, w, 4] latent -> float32 [batch, 8h, 8w, 3] images, about [-1, 1].

    The latent is what the sampler leaves, unscaled.
    """

    def __init__(self, anatomy: AutoencoderAnatomy) -> None:
        super().__init__(name="decoder")
        *lower, last = anatomy.channels
        self._steps = [
            _PaddedConv2D(LATENT_CHANNELS, 1),
            _PaddedConv2D(last, 3, padding=1),
            _ResnetBlock(last),
            _AttentionBlock(last),
            _ResnetBlock(last),
            *_blocks(last, BLOCKS_A_LEVEL + 1),
        ]
        above = last
        for channels in reversed(lower):
            self._steps += [keras.layers.UpSampling2D(2), _PaddedConv2D(above, 3, padding=1)]
            self._steps += _blocks(channels, BLOCKS_A_LEVEL + 1)
            above = channels
        self._steps += [*_head(), _PaddedConv2D(3, 3, padding=1)]

    def call(self, latent: tf.Tensor) -> tf.Tensor:
        """Decode latents."""
        features = latent / _SCALE
        for step in self._steps:
            features = step(features)
        return tf.cast(features, tf.float32)


class ImageEncoder(Composite, keras.Model):  # type: ignore[misc]  # Keras has no types.
    """KerasCV's `ImageEncoder`: float32 [batch, h, w, 3] images in [-1, 1] -> float32 [batch, h/8, w/8, 4] latent.

    The latent is the mean of the distribution that the image is encoded as, scaled as the diffusion model takes it.
    """

    def __init__(self, anatomy: AutoencoderAnatomy) -> None:
        super().__init__(name="image_encoder")
        *lower, last = anatomy.channels
        self._steps = [_PaddedConv2D(anatomy.channels[0], 3, padding=1)]
        for channels in lower:
            self._steps += _blocks(channels, BLOCKS_A_LEVEL)
            self._steps.append(_PaddedConv2D(channels, 3, padding=((0, 1), (0, 1)), strides=2))
        self._steps += _blocks(last, BLOCKS_A_LEVEL)
        self._steps += [_ResnetBlock(last), _AttentionBlock(last), _ResnetBlock(last), *_head()]
        self._steps += [_PaddedConv2D(2 * LATENT_CHANNELS, 3, padding=1), _PaddedConv2D(2 * LATENT_CHANNELS, 1)]

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Encode images."""
        features = images
        for step in self._steps:
            features = step(features)
        return tf.cast(features[..., :LATENT_CHANNELS], tf.float32) * _SCALE


def _blocks(channels: int, number: int) -> list[keras.layers.Layer]:
    return [_ResnetBlock(channels) for _ in range(number)]


def _head() -> list[keras.layers.Layer]:
    return [keras.layers.GroupNormalization(epsilon=1e-5), keras.layers.Activation("swish")]
