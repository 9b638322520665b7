"""CLIP's tokenizer as a TensorFlow graph of core operations, so that a text encoder can take prompts as they are.

Equal to `sdp_serving.contract.tokenizer`, whose steps it takes one by one: HTML entities, lower case, pieces, byte
pairs. What Unicode says of each character is read from Python and from that tokenizer's library when the graph is
built, so that no release of TensorFlow changes a token. Where the two differ:

- A prompt that is no valid UTF-8 gets a U+FFFD for each invalid byte.
- Of a prompt's characters, spaces not counted, only the first `CHARACTERS` are read, since the time that a word takes
  grows with the square of its length. 75 tokens never hold as many, but the count of those cut off goes no further.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import tensorflow as tf

from sdp_exporter.tokenizer.byte_pairs import BytePairs
from sdp_exporter.tokenizer.entities import Entities
from sdp_exporter.tokenizer.lower_case import LowerCase
from sdp_exporter.tokenizer.pieces import Pieces
from sdp_exporter.tokenizer.rows import places_in_row
from sdp_exporter.tokenizer.words import Words
from sdp_serving.contract.signatures import TOKENS
from sdp_serving.contract.vocabulary import END, SPECIALS, START

CHARACTERS: Final = 3072
"""The longest token has 32 bytes, so 75 have at most 2400; a merge looks a few letters ahead, not hundreds."""
_ROOM: Final = TOKENS - 2


class Tokenized(NamedTuple):
    """Prompts as tokens."""

    tokens: tf.Tensor
    """int32 [batch, 77]: the start token, the prompt's, an end token, and padding up to the 77th."""
    cut_off: tf.Tensor
    """int32 [batch], how many tokens of the prompt there was no room for."""


class Tokenizer(tf.Module):  # type: ignore[misc]  # TensorFlow has no types.
    """Prompts to tokens."""

    def __init__(self, words: Mapping[str, Sequence[int]] | None = None, *, padding: int = END) -> None:
        """Make the tables.

        Args:
            words: further words with their tokens, one or more each, such as those of a textual inversion; found
                anywhere in a prompt, in upper or lower case, the longest first. They have no spaces in them.
            padding: the token that short prompts are filled up with, after an end token.
        """
        super().__init__(name="tokenizer")
        self._padding = padding
        lowered = {word.lower(): tokens for word, tokens in (words or {}).items()}
        self._entities = Entities()
        self._lower_case = LowerCase()
        self._words = Words({**{word: [token] for word, token in SPECIALS.items()}, **lowered})
        self._pieces = Pieces()
        self._byte_pairs = BytePairs()

    def __call__(self, prompts: tf.Tensor) -> Tokenized:
        """Tokenize `prompts`, string [batch] of UTF-8."""
        # Many small operations on strings and integers: on a GPU, each would wait for the last.
        with tf.device("CPU"):
            tokens = self._tokens(prompts)
            batch_size = tf.shape(prompts)[0]
            starts, ends = (tf.fill([batch_size, 1], token) for token in (START, END))
            fitting = tf.concat([starts, tokens[:, :_ROOM], ends], axis=1)
            cut_off = tf.maximum(tf.cast(tokens.row_lengths(), tf.int32) - _ROOM, 0)
            return Tokenized(fitting.to_tensor(self._padding, shape=[None, TOKENS]), cut_off)

    def _tokens(self, prompts: tf.Tensor) -> tf.RaggedTensor:
        """The prompts' own tokens, int32 [batch, (tokens)]."""
        text = tf.strings.unicode_transcode(prompts, "UTF-8", "UTF-8", errors="replace")
        # Twice, as CLIP does.
        text = self._lower_case(self._entities(self._entities(text)))
        parts, words_tokens = self._words.split(text)
        tokens = tf.concat([self._encode(parts), words_tokens], axis=1)
        return parts.with_flat_values(tokens).merge_dims(1, 2)

    def _encode(self, parts: tf.RaggedTensor) -> tf.RaggedTensor:
        """The tokens of each part of each prompt, int32 [all parts, (tokens)], from string [batch, (parts)]."""
        characters = self._pieces(parts.flat_values)
        read = places_in_row(tf.gather(parts.value_rowids(), characters.rows)) < CHARACTERS
        codes, rows, pieces = (tf.boolean_mask(each, read) for each in characters)
        spelt = tf.strings.bytes_split(tf.strings.unicode_encode(codes[:, tf.newaxis], "UTF-8"))
        part, piece = (tf.gather(each, spelt.value_rowids()) for each in (rows, pieces))
        tokens, pieces_of_tokens = self._byte_pairs(_byte_values(spelt), piece)
        part_of_piece = tf.math.segment_max(part, piece)
        return tf.RaggedTensor.from_value_rowids(
            tokens,
            tf.gather(part_of_piece, pieces_of_tokens),
            nrows=tf.size(parts.flat_values, tf.int64),
            validate=False,
        )


def _byte_values(single_bytes: tf.RaggedTensor) -> tf.Tensor:
    return tf.reshape(tf.io.decode_raw(single_bytes.flat_values, tf.uint8), [-1])
