"""The image encoder: images to the latents that the diffusion model works on."""

import keras
import tensorflow as tf

from sdp_exporter.signatures.canvas import drawn_images
from sdp_exporter.signatures.checks import require
from sdp_exporter.signatures.tracing import trace
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.signatures import SignatureName, fixed_size, images


class ImageEncoder(tf.Module):  # type: ignore[misc]  # TensorFlow has no types.
    """Signature `serving_default` of the image encoder."""

    def __init__(self, model: keras.Model, *, image_size: int, image_sizes: ImageSizes | None = None) -> None:
        """Wrap an image encoder.

        Args:
            model: image float32 [batch, h, w, 3] in [-1, 1] -> latent float32 [batch, h/8, w/8, 4], scaled as the
                diffusion model takes it; built, with its weights.
            image_size: pixels along one side of an image.
            image_sizes: heights and widths that images may have; None for `image_size` only. With several, the model
                must take images of a size that is known at run time only.
        """
        super().__init__(name="image_encoder")
        self._variables = [variable.value for variable in model.variables]
        self._encode = model.__call__
        self._sizes = image_sizes or ImageSizes.only(image_size)
        spec = tf.TensorSpec(images("float32", fixed_size(image_size, self._sizes)).shape, tf.float32, name="images")
        self._serving_default = trace(self._encode_images, [spec])

    def signatures(self) -> dict[SignatureName, tf.types.experimental.ConcreteFunction]:
        """The functions to save, by name."""
        return {SignatureName.DEFAULT: self._serving_default}

    def _encode_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encode images, float32 [batch, h, w, 3] of RGB in [-1, 1], to `latent`, float32 [batch, h/8, w/8, 4]."""
        images = drawn_images("images", images, self._sizes)
        # Bytes turned to floats as they are would be encoded without complaint, to nonsense. It refuses NaN too.
        in_range = require(
            tf.reduce_all(tf.abs(images) <= 1.0), "images has a value outside -1 to 1: divide bytes by 127.5, less 1"
        )
        with tf.control_dependencies([in_range]):
            images = tf.identity(images)
        return {"latent": self._encode(images)}
