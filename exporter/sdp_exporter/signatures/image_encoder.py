"""The image encoder: images to the latents that the diffusion model works on."""

import keras
import tensorflow as tf

from sdp_exporter.signatures.checks import as_declared, require
from sdp_exporter.signatures.tracing import trace
from sdp_serving.contract.signatures import SignatureName


class ImageEncoder(tf.Module):  # type: ignore[misc]  # TensorFlow has no types.
    """Signature `serving_default` of the image encoder."""

    def __init__(self, model: keras.Model, *, image_size: int) -> None:
        """Wrap an image encoder.

        Args:
            model: image float32 [batch, h, w, 3] in [-1, 1] -> latent float32 [batch, h/8, w/8, 4], scaled as the
                diffusion model takes it; built, with its weights.
            image_size: pixels along one side of an image.
        """
        super().__init__(name="image_encoder")
        self._variables = [variable.value for variable in model.variables]
        self._encode = model.__call__
        images = tf.TensorSpec([None, image_size, image_size, 3], tf.float32, name="images")
        self._serving_default = trace(self._encode_images, [images])

    def signatures(self) -> dict[SignatureName, tf.types.experimental.ConcreteFunction]:
        """The functions to save, by name."""
        return {SignatureName.DEFAULT: self._serving_default}

    def _encode_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encode images, float32 [batch, h, w, 3] of RGB in [-1, 1], to `latent`, float32 [batch, h/8, w/8, 4]."""
        images = as_declared("images", images)
        # Bytes turned to floats as they are would be encoded without complaint, to nonsense. It refuses NaN too.
        in_range = require(
            tf.reduce_all(tf.abs(images) <= 1.0), "images has a value outside -1 to 1: divide bytes by 127.5, less 1"
        )
        with tf.control_dependencies([in_range]):
            images = tf.identity(images)
        return {"latent": self._encode(images)}
