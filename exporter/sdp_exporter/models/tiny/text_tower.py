"""sd-tiny's text tower: CLIP's, at 2 layers and a width of 96."""

from typing import Final

import keras
import tensorflow as tf

from sdp_exporter.models.tiny import WIDTH
from sdp_exporter.models.tiny.attention import Attention
from sdp_serving.contract.signatures import TOKENS

VOCABULARY: Final = 49408
_LAYERS = 2
_HEADS = 4


class TextEncoder(keras.Model):  # type: ignore[misc]  # Keras has no types.
    """int32 [batch, 77] tokens -> float32 [batch, 77, 96] context.

    Args:
        vocabulary: The number of rows of the token table. Training uses few, one for each token that its captions hold.
    """

    def __init__(self, vocabulary: int = VOCABULARY) -> None:
        super().__init__(name="text_encoder")
        self._vocabulary = vocabulary
        self._layers_of_tower = [_Layer(f"layer_{index}") for index in range(_LAYERS)]
        self._normalise = keras.layers.LayerNormalization(epsilon=1e-5, name="normalise")

    def build(self, *_: object) -> None:
        """Makes the tables, which belong to no layer."""
        self._token_table = self.add_weight(
            name="token_table", shape=(self._vocabulary, WIDTH), initializer=keras.initializers.RandomNormal(0, 0.02)
        )
        self._positions = self.add_weight(
            name="positions", shape=(TOKENS, WIDTH), initializer=keras.initializers.RandomNormal(0, 0.02)
        )

    def call(self, tokens: tf.Tensor) -> tf.Tensor:
        """Encodes prompts."""
        return self.encode(self.embed(tokens))

    def embed(self, tokens: tf.Tensor) -> tf.Tensor:
        """Looks up the rows of the token table, float32 [batch, 77, 96]."""
        return tf.gather(self._token_table, tokens)

    def encode(self, rows: tf.Tensor) -> tf.Tensor:
        """Encodes prompts from the rows of their tokens, float32 [batch, 77, 96]."""
        features = rows + self._positions
        for layer in self._layers_of_tower:
            features = layer(features)
        return tf.cast(self._normalise(features), tf.float32)


class _Layer(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types.
    """One layer of the tower: causal self-attention, then a perceptron, each on normalised features."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self._normalise_1 = keras.layers.LayerNormalization(epsilon=1e-5, name="normalise_1")
        self._attention = Attention(WIDTH, _HEADS, causal=True, name="attention")
        self._normalise_2 = keras.layers.LayerNormalization(epsilon=1e-5, name="normalise_2")
        self._widen = keras.layers.Dense(4 * WIDTH, name="widen")
        self._narrow = keras.layers.Dense(WIDTH, name="narrow")

    def call(self, features: tf.Tensor) -> tf.Tensor:
        normal = self._normalise_1(features)
        features += self._attention(normal, normal)
        return features + self._narrow(_quick_gelu(self._widen(self._normalise_2(features))))


def _quick_gelu(features: tf.Tensor) -> tf.Tensor:
    """CLIP's cheap approximation of GELU."""
    return features * tf.sigmoid(1.702 * features)
