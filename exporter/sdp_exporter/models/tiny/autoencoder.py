"""sd-tiny's autoencoder: pictures to latents of 4 channels and an eighth of their side, and back."""

import keras
import tensorflow as tf

from sdp_serving.contract.signatures import LATENT_CHANNELS


class Encoder(keras.Model):  # type: ignore[misc]  # Keras has no types.
    """float32 [batch, 64, 64, 3] pictures in [-1, 1] -> float32 [batch, 8, 8, 4] latents of about unit variance."""

    def __init__(self) -> None:
        super().__init__(name="encoder")
        self._half = _convolution(24, "half")
        self._quarter = _convolution(48, "quarter")
        self._eighth = _convolution(96, "eighth")
        self._mixer = _Residual(96, "mixer")
        self._out = _convolution(LATENT_CHANNELS, "out")

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Encodes pictures without any noise: sd-tiny's autoencoder is not variational."""
        features = tf.nn.silu(self._half(tf.nn.space_to_depth(images, 2)))
        features = tf.nn.silu(self._quarter(tf.nn.space_to_depth(features, 2)))
        features = tf.nn.silu(self._eighth(tf.nn.space_to_depth(features, 2)))
        return tf.cast(self._out(self._mixer(features)), tf.float32)


class Decoder(keras.Model):  # type: ignore[misc]  # Keras has no types.
    """float32 [batch, 8, 8, 4] latents -> float32 [batch, 64, 64, 3] pictures, in [-1, 1] but for small overshoots."""

    def __init__(self) -> None:
        super().__init__(name="decoder")
        self._in = _convolution(96, "in")
        self._mixers = [_Residual(96, f"mixer_{index}") for index in range(2)]
        self._quarter = _convolution(48 * 4, "quarter")
        self._quarter_mixer = _Residual(48, "quarter_mixer")
        self._half = _convolution(24 * 4, "half")
        self._out = _convolution(3 * 4, "out")

    def call(self, latent: tf.Tensor) -> tf.Tensor:
        """Decodes latents as the sampler leaves them: the latent needs no scaling."""
        features = self._in(latent)
        for mixer in self._mixers:
            features = mixer(features)
        features = self._quarter_mixer(tf.nn.depth_to_space(self._quarter(tf.nn.silu(features)), 2))
        features = tf.nn.depth_to_space(self._half(tf.nn.silu(features)), 2)
        return tf.nn.depth_to_space(tf.cast(self._out(tf.nn.silu(features)), tf.float32), 2)


class _Residual(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types.
    """x + convolution(silu(convolution(silu(x))))."""

    def __init__(self, channels: int, name: str) -> None:
        super().__init__(name=name)
        self._first = _convolution(channels, "first")
        self._second = _convolution(channels, "second")

    def call(self, features: tf.Tensor) -> tf.Tensor:
        return features + self._second(tf.nn.silu(self._first(tf.nn.silu(features))))


def _convolution(channels: int, name: str) -> keras.layers.Layer:
    return keras.layers.Conv2D(channels, 3, padding="same", name=name)
