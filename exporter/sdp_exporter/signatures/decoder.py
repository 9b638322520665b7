"""The decoder: latents to images.

A safety checker belongs into `Decoder._rgb`, which all signatures but the floats' share: a model from the uint8 images
to a verdict for each row, captured like the decoder itself, and `tf.where(verdict, 0, images)` blackens what it refuses
before anything leaves the graph. Return the verdict as an output of its own too, so that a client can say why. None is
built in: which images are to be refused is for those to decide who serve them.
"""

from typing import Final

import keras
import tensorflow as tf

from sdp_exporter.signatures.canvas import drawn_latent
from sdp_exporter.signatures.tracing import trace
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.signatures import SignatureName, fixed_size, latents

_PNG_COMPRESSION: Final = 1
"""Half the time of zlib's default for a tenth more bytes."""
_JPEG_QUALITY: Final = 92
"""In percent."""


class Decoder(tf.Module):  # type: ignore[misc]  # TensorFlow has no types.
    """Signatures `serving_default`, `decode_floats`, `decode_png` and `decode_jpeg` of the decoder."""

    def __init__(self, model: keras.Model, *, image_size: int, image_sizes: ImageSizes | None = None) -> None:
        """Wrap a decoder.

        Args:
            model: latent float32 [batch, h/8, w/8, 4] -> image float32 [batch, h, w, 3] in [-1, 1]; built, with its
                weights.
            image_size: pixels along one side of an image.
            image_sizes: heights and widths that latents may be of; None for `image_size` only. With several, the model
                must take latents of a size that is known at run time only.
        """
        super().__init__(name="decoder")
        self._variables = [variable.value for variable in model.variables]
        sizes = image_sizes or ImageSizes.only(image_size)
        latent = tf.TensorSpec(latents(fixed_size(image_size, sizes)).shape, tf.float32, name="latent")
        # One function for all signatures: stored once.
        self._decode = trace(lambda latent: model(drawn_latent("latent", latent, sizes)), [latent])
        self._signatures = {
            SignatureName.DEFAULT: trace(self._decode_to_pixels, [latent]),
            SignatureName.DECODE_FLOATS: trace(self._decode_to_floats, [latent]),
            SignatureName.DECODE_PNG: trace(self._decode_to_png, [latent]),
            SignatureName.DECODE_JPEG: trace(self._decode_to_jpeg, [latent]),
        }

    def signatures(self) -> dict[SignatureName, tf.types.experimental.ConcreteFunction]:
        """The functions to save, by name; every input and output has a row an image."""
        return dict(self._signatures)

    def _decode_to_pixels(self, latent: tf.Tensor) -> dict[str, tf.Tensor]:
        """Decode latents, float32 [batch, h/8, w/8, 4], to `images`, uint8 [batch, h, w, 3] of RGB."""
        return {"images": self._rgb(latent)}

    def _decode_to_floats(self, latent: tf.Tensor) -> dict[str, tf.Tensor]:
        """Decode latents to `images`, float32 [batch, h, w, 3] of RGB in [-1, 1], as the image encoder takes them."""
        return {"images": tf.clip_by_value(self._decode(latent), -1.0, 1.0)}

    def _decode_to_png(self, latent: tf.Tensor) -> dict[str, tf.Tensor]:
        """Decode latents to `image_bytes`, string [batch]: a PNG file each."""
        return {"image_bytes": tf.io.encode_png(self._rgb(latent), compression=_PNG_COMPRESSION)}

    def _decode_to_jpeg(self, latent: tf.Tensor) -> dict[str, tf.Tensor]:
        """Decode latents to `image_bytes`, string [batch]: a JPEG file each."""
        files = tf.map_fn(
            lambda image: tf.io.encode_jpeg(image, quality=_JPEG_QUALITY),
            self._rgb(latent),
            fn_output_signature=tf.string,
        )
        return {"image_bytes": files}

    def _rgb(self, latent: tf.Tensor) -> tf.Tensor:
        """The latents' images, uint8 [batch, h, w, 3]."""
        return tf.saturate_cast(tf.round((self._decode(latent) + 1.0) * 127.5), tf.uint8)
