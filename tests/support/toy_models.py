"""Models with the anatomy of Stable Diffusion's and next to no weights, for tests of what surrounds them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sdp_exporter.sources import Saveable, Source
from sdp_serving.contract.components import Component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH: Final = 6
IMAGE_SIZE: Final = 16
GUIDANCE_SCALE: Final = 3.0


def alphas() -> "NDArray[np.float32]":
    """A falling schedule, [1000]."""
    import numpy as np

    return np.linspace(0.999, 0.005, 1000, dtype=np.float32)


def toy_source(component: Component, weights: Path) -> Source:
    """`component` with the scale that the file `weights` holds as its only weight."""
    return Source(
        component=component,
        sd_version="toy",
        width=WIDTH,
        image_size=IMAGE_SIZE,
        name=f"toy/{weights.stem}",
        weights=(weights,),
        build=lambda: build(component, float(weights.read_text())),
    )


def build(component: Component, scale: float = 1.0, **options: Any) -> Saveable:
    """The component as the exporter saves it.

    The context of a token is its id times `scale`; the noise is predicted as the context's mean; an image is the
    latent's first channel, and a latent the image's first pixel of each cell. `options` are those of the signatures.
    """
    import keras
    import tensorflow as tf

    from sdp_exporter.signatures.decoder import Decoder
    from sdp_exporter.signatures.diffusion_model import DiffusionModel
    from sdp_exporter.signatures.image_encoder import ImageEncoder
    from sdp_exporter.signatures.text_encoder import TextEncoder

    class Scaled(keras.Model):  # type: ignore[misc]  # Keras has no types.
        def build(self, *_: object) -> None:
            self.scale = self.add_weight(name="scale", shape=(), initializer=keras.initializers.Constant(scale))

    class ToyTextEncoder(Scaled):
        def call(self, tokens: tf.Tensor) -> tf.Tensor:
            return self.scale * tf.repeat(tf.cast(tokens, tf.float32)[..., tf.newaxis], WIDTH, axis=-1)

    class ToyDiffusionModel(Scaled):
        def keys_and_values(self, context: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(context, axis=[1, 2])

        def call(self, latent: tf.Tensor, timestep: tf.Tensor, mean: tf.Tensor) -> tf.Tensor:
            mean += 0.0 * tf.cast(timestep, tf.float32)
            return self.scale * (tf.zeros_like(latent) + mean[:, tf.newaxis, tf.newaxis, tf.newaxis])

    class ToyDecoder(Scaled):
        def call(self, latent: tf.Tensor) -> tf.Tensor:
            pixels = tf.repeat(tf.repeat(latent[..., :1], 8, axis=1), 8, axis=2)
            return self.scale * tf.repeat(pixels, 3, axis=-1)

    class ToyImageEncoder(Scaled):
        def call(self, images: tf.Tensor) -> tf.Tensor:
            return self.scale * tf.repeat(images[:, ::8, ::8, :1], 4, axis=-1)

    side = IMAGE_SIZE // 8
    latent = tf.zeros([1, side, side, 4])
    match component:
        case Component.TEXT_ENCODER:
            encoder = ToyTextEncoder()
            encoder(tf.zeros([1, 77], tf.int32))
            return TextEncoder(encoder)
        case Component.DIFFUSION_MODEL:
            model = ToyDiffusionModel()
            model(latent, tf.zeros([1], tf.int32), tf.zeros([1]))
            return DiffusionModel(
                model, alphas=alphas(), width=WIDTH, image_size=IMAGE_SIZE, guidance_scale=GUIDANCE_SCALE, **options
            )
        case Component.DECODER:
            decoder = ToyDecoder()
            decoder(latent)
            return Decoder(decoder, image_size=IMAGE_SIZE, **options)
        case Component.IMAGE_ENCODER:
            image_encoder = ToyImageEncoder()
            image_encoder(tf.zeros([1, IMAGE_SIZE, IMAGE_SIZE, 3]))
            return ImageEncoder(image_encoder, image_size=IMAGE_SIZE, **options)
