"""The text encoder of Stable Diffusion, of KerasCV's layers."""

from typing import Final

import keras
import tensorflow as tf

from sdp_exporter.models.keras_cv import package
from sdp_exporter.models.keras_cv.anatomy import TextAnatomy
from sdp_exporter.models.keras_cv.composite import Composite
from sdp_serving.contract.signatures import TOKENS

_kcv: Final = package.modules()["text_encoder"]


class TextEncoder(Composite, keras.Model):  # type: ignore[misc]  # Keras has no types.
    """KerasCV's `TextEncoder` and `TextEncoderV2`: int32 [batch, 77] tokens -> float32 [batch, 77, width] context."""

    def __init__(self, anatomy: TextAnatomy) -> None:
        super().__init__(name="text_encoder")
        # KerasCV's GELU of version 2 is Keras's, which approximates by a tanh.
        activation = _kcv.quick_gelu if anatomy.activation == "quick_gelu" else keras.ops.gelu
        self._embed = _kcv.CLIPEmbedding(anatomy.vocabulary, anatomy.width, TOKENS)
        self._tower = [
            _kcv.CLIPEncoderLayer(anatomy.width, anatomy.heads, activation=activation) for _ in range(anatomy.layers)
        ]
        self._normalise = keras.layers.LayerNormalization(epsilon=1e-5)

    def call(self, tokens: tf.Tensor) -> tf.Tensor:
        """Encode prompts."""
        features = self._embed([tokens, tf.range(TOKENS)[tf.newaxis]])
        for layer in self._tower:
            features = layer(features)
        return tf.cast(self._normalise(features), tf.float32)
