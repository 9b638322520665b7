"""The text encoder: prompts, or their tokens, to the contexts that guide the diffusion model."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import keras
import tensorflow as tf

from sdp_exporter.signatures.checks import for_batch, require, require_positive_batch
from sdp_exporter.signatures.tracing import trace
from sdp_exporter.tokenizer import Tokenizer
from sdp_serving.contract.signatures import TOKENS, SignatureName
from sdp_serving.contract.vocabulary import END, SIZE, START

_NO_WORDS: Final[Mapping[str, Sequence[int]]] = MappingProxyType({})


class TextEncoder(tf.Module):  # type: ignore[misc]  # TensorFlow has no types.
    """Signatures `serving_default` and `encode_prompts` of the text encoder."""

    def __init__(
        self, model: keras.Model, *, words: Mapping[str, Sequence[int]] = _NO_WORDS, padding: int = END
    ) -> None:
        """Wrap a text encoder.

        Args:
            model: int32 [batch, 77] -> float32 [batch, 77, width]; built, with its weights.
            words: words beyond CLIP's vocabulary, such as those of a textual inversion, with their tokens: rows that
                the model's token table has after CLIP's.
            padding: the token that the model was trained to find after the end of a short prompt.
        """
        super().__init__(name="text_encoder")
        self._variables = [variable.value for variable in model.variables]
        self._vocabulary = max([SIZE - 1, *(token for tokens in words.values() for token in tokens)]) + 1
        self._padding = padding
        self._tokenize = Tokenizer(words, padding=padding)
        # One function for both signatures: stored once.
        self._encode = trace(model.__call__, [tf.TensorSpec([None, TOKENS], tf.int32)])
        tokens = tf.TensorSpec(None, tf.int32, name="tokens")
        batch_size = tf.TensorSpec([], tf.int32, name="batch_size")
        self._serving_default = trace(self._encode_tokens, [tokens, batch_size])
        texts = [tf.TensorSpec([None], tf.string, name=name) for name in ("prompts", "negative_prompts")]
        self._encode_prompts = trace(self._tokenize_and_encode, texts)

    def signatures(self) -> dict[SignatureName, tf.types.experimental.ConcreteFunction]:
        """The functions to save, by name."""
        return {SignatureName.DEFAULT: self._serving_default, SignatureName.ENCODE_PROMPTS: self._encode_prompts}

    def _encode_tokens(self, tokens: tf.Tensor, batch_size: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encode prompts that are tokens.

        Args:
            tokens: int32 [77], the same prompt for every image, or [batch_size, 77]; of CLIP's vocabulary. End tokens
                at the end stand for padding, whatever the model's is: so clients fill prompts up for every version.
            batch_size: int32 scalar, the number of images.

        Returns:
            `context` and `unconditional_context` (the empty prompt's), float32 [batch_size, 77, width].
        """
        with tf.control_dependencies([self._require_tokens(tokens), require_positive_batch(batch_size)]):
            prompts = self._padded(tf.reshape(tokens, [-1, TOKENS]))
        empty = tf.constant([[START, END] + [self._padding] * (TOKENS - 2)], tf.int32)
        encoded = self._encode(tf.concat([prompts, empty], axis=0))
        return {
            "context": for_batch("tokens", encoded[:-1], batch_size),
            "unconditional_context": tf.repeat(encoded[-1:], batch_size, axis=0),
        }

    def _tokenize_and_encode(self, prompts: tf.Tensor, negative_prompts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encode prompts that are text; every input and output has a row an image.

        Args:
            prompts: string [batch] of UTF-8.
            negative_prompts: string [batch] of UTF-8: what the images should not show, empty for nothing.

        Returns:
            `context` and `unconditional_context` (the negative prompts'), float32 [batch, 77, width];
            `tokens_cut_off` and `negative_tokens_cut_off`, int32 [batch], how many tokens at the end of each prompt
            did not fit and say nothing.
        """
        with tf.control_dependencies([_require_pairs(prompts, negative_prompts)]):
            tokens, cut_off = self._tokenize(tf.concat([prompts, negative_prompts], axis=0))
        contexts = tf.split(self._encode(tokens), 2)
        counts = tf.split(cut_off, 2)
        return {
            "context": contexts[0],
            "unconditional_context": contexts[1],
            "tokens_cut_off": counts[0],
            "negative_tokens_cut_off": counts[1],
        }

    def _padded(self, prompts: tf.Tensor) -> tf.Tensor:
        """The model's padding in place of all but the first of the end tokens that prompts, [batch, 77], end in."""
        if self._padding == END:
            return prompts
        ending = tf.math.cumprod(tf.cast(prompts == END, tf.int32), axis=1, reverse=True)
        follows = tf.pad(ending[:, :-1], [[0, 0], [1, 0]])
        return tf.where(ending * follows > 0, self._padding, prompts)

    def _require_tokens(self, tokens: tf.Tensor) -> tf.Operation | None:
        rank, shape = tf.rank(tokens), tf.shape(tokens)
        are_prompts = ((rank == 1) | (rank == 2)) & tf.reduce_all(shape[-1:] == TOKENS)
        shaped = require(are_prompts, f"tokens has the shape {{}}; give [{TOKENS}] or [batch_size, {TOKENS}]", shape)
        with tf.control_dependencies([shaped]):
            known = tf.reduce_all((tokens >= 0) & (tokens < self._vocabulary))
        # On a GPU an unknown token would silently be embedded as zeros.
        return require(known, f"tokens has a value outside 0 to {self._vocabulary - 1}, the model's vocabulary")


def _require_pairs(prompts: tf.Tensor, negative_prompts: tf.Tensor) -> tf.Operation | None:
    are_pairs = _is_list(prompts) & _is_list(negative_prompts) & (tf.size(prompts) == tf.size(negative_prompts))
    return require(
        are_pairs,
        "prompts has the shape {} and negative_prompts {}: give two lists of the same length, with empty strings"
        " where there is no negative prompt",
        tf.shape(prompts),
        tf.shape(negative_prompts),
    )


def _is_list(texts: tf.Tensor) -> tf.Tensor:
    # `tf.rank` would be the declared one, a constant: the server does not check it.
    holds_all = tf.shape(texts) == [tf.size(texts)]
    return tf.reduce_all(holds_all) & (tf.reduce_sum(tf.cast(holds_all, tf.int32)) == 1)
