"""The decoder: latents to images."""

import keras
import tensorflow as tf

from sdp_exporter.signatures.checks import as_declared
from sdp_exporter.signatures.tracing import trace
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR, SignatureName


class Decoder(tf.Module):  # type: ignore[misc]  # TensorFlow has no types.
    """Signature `serving_default` of the decoder."""

    def __init__(self, model: keras.Model, *, image_size: int) -> None:
        """Wrap a decoder.

        Args:
            model: latent float32 [batch, h/8, w/8, 4] -> image float32 [batch, h, w, 3] in [-1, 1]; built, with its
                weights.
            image_size: pixels along one side of an image.
        """
        super().__init__(name="decoder")
        self._variables = [variable.value for variable in model.variables]
        self._decode = model.__call__
        side = image_size // LATENT_FACTOR
        latent = tf.TensorSpec([None, side, side, LATENT_CHANNELS], tf.float32, name="latent")
        self._serving_default = trace(self._decode_to_pixels, [latent])

    def signatures(self) -> dict[SignatureName, tf.types.experimental.ConcreteFunction]:
        """The functions to save, by name."""
        return {SignatureName.DEFAULT: self._serving_default}

    def _decode_to_pixels(self, latent: tf.Tensor) -> dict[str, tf.Tensor]:
        """Decode latents, float32 [batch, h/8, w/8, 4], to `images`, uint8 [batch, h, w, 3] of RGB."""
        images = self._decode(as_declared("latent", latent))
        return {"images": tf.saturate_cast(tf.round((images + 1.0) * 127.5), tf.uint8)}
