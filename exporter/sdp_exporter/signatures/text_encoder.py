"""The text encoder: tokens to the contexts that guide the diffusion model."""

import keras
import tensorflow as tf

from sdp_exporter.signatures.checks import for_batch, require, require_positive_batch
from sdp_exporter.signatures.tracing import trace
from sdp_serving.contract.signatures import TOKENS, SignatureName

_START, _END = 49406, 49407
_VOCABULARY = 49408


class TextEncoder(tf.Module):  # type: ignore[misc]  # TensorFlow has no types.
    """Signature `serving_default` of the text encoder."""

    def __init__(self, model: keras.Model) -> None:
        """Wrap `model`: int32 [batch, 77] -> float32 [batch, 77, width]; built, with its weights."""
        super().__init__(name="text_encoder")
        self._variables = [variable.value for variable in model.variables]
        self._encode = model.__call__
        tokens = tf.TensorSpec(None, tf.int32, name="tokens")
        batch_size = tf.TensorSpec([], tf.int32, name="batch_size")
        self._serving_default = trace(self._encode_prompts, [tokens, batch_size])

    def signatures(self) -> dict[SignatureName, tf.types.experimental.ConcreteFunction]:
        """The functions to save, by name."""
        return {SignatureName.DEFAULT: self._serving_default}

    def _encode_prompts(self, tokens: tf.Tensor, batch_size: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encode prompts.

        Args:
            tokens: int32 [77], the same prompt for every image, or [batch_size, 77]; of CLIP's vocabulary.
            batch_size: int32 scalar, the number of images.

        Returns:
            `context` and `unconditional_context` (the empty prompt's), float32 [batch_size, 77, width].
        """
        with tf.control_dependencies([_require_prompts(tokens), require_positive_batch(batch_size)]):
            prompts = tf.reshape(tokens, [-1, TOKENS])
        empty = tf.constant([[_START] + [_END] * (TOKENS - 1)], tf.int32)
        encoded = self._encode(tf.concat([prompts, empty], axis=0))
        return {
            "context": for_batch("tokens", encoded[:-1], batch_size),
            "unconditional_context": tf.repeat(encoded[-1:], batch_size, axis=0),
        }


def _require_prompts(tokens: tf.Tensor) -> tf.Operation | None:
    rank, shape = tf.rank(tokens), tf.shape(tokens)
    is_prompts = ((rank == 1) | (rank == 2)) & tf.reduce_all(shape[-1:] == TOKENS)
    shaped = require(is_prompts, f"tokens has the shape {{}}; give [{TOKENS}] or [batch_size, {TOKENS}]", shape)
    with tf.control_dependencies([shaped]):
        known = tf.reduce_all((tokens >= 0) & (tokens < _VOCABULARY))
    # On a GPU an unknown token would silently be embedded as zeros.
    return require(known, f"tokens has a value outside 0 to {_VOCABULARY - 1}, CLIP's vocabulary")
