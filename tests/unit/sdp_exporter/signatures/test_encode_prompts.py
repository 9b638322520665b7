"""Prompts as text to the text encoder, run as TensorFlow Serving runs them."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.support.served import serve
from tests.support.toy_models import WIDTH

from sdp_exporter.signatures.text_encoder import TextEncoder
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.contract.tokenizer import Tokenizer

_LEARNT = 49408


class Embedding(keras.Model):  # type: ignore[misc]  # Keras has no types.
    """The context of a token is its id."""

    def call(self, tokens: tf.Tensor) -> tf.Tensor:
        return tf.repeat(tf.cast(tokens, tf.float32)[..., tf.newaxis], WIDTH, axis=-1)


@pytest.fixture(scope="module")
def functions() -> Any:
    return TextEncoder(Embedding(), words={"<toy>": [_LEARNT]}).signatures()


def encode(functions: Any, prompts: Any, negative_prompts: Any) -> dict[str, np.ndarray]:
    texts = {"prompts": prompts, "negative_prompts": negative_prompts}
    return serve(
        functions[SignatureName.ENCODE_PROMPTS], **{name: tf.constant(text, tf.string) for name, text in texts.items()}
    )


def test_each_prompt_and_negative_prompt_is_encoded_from_the_clients_tokens(functions: Any) -> None:
    answer = encode(functions, ["a cat", "ein Übermensch 😂"], ["", "blurry &amp; dark"])
    tokens = Tokenizer().encode
    assert answer["context"].shape == (2, 77, WIDTH)
    np.testing.assert_array_equal(answer["context"][:, :, 0], [tokens("a cat"), tokens("ein Übermensch 😂")])
    np.testing.assert_array_equal(answer["unconditional_context"][:, :, 0], [tokens(""), tokens("blurry & dark")])


def test_each_row_says_how_much_of_its_prompts_was_cut_off(functions: Any) -> None:
    answer = encode(functions, ["cat " * 80, "cat"], ["cat", "cat " * 76])
    assert answer["tokens_cut_off"].tolist() == [5, 0]
    assert answer["negative_tokens_cut_off"].tolist() == [0, 1]


def test_a_learnt_word_is_known_to_both_signatures(functions: Any) -> None:
    answer = encode(functions, ["a <toy>"], [""])
    assert answer["context"][0, 2, 0] == _LEARNT
    tokens = np.full(77, _LEARNT, np.int32)
    again = serve(functions[SignatureName.DEFAULT], tokens=tokens, batch_size=np.int32(1))
    assert again["context"][0, 2, 0] == _LEARNT
    with pytest.raises(tf.errors.InvalidArgumentError, match="tokens has a value outside 0 to 49408"):
        serve(functions[SignatureName.DEFAULT], tokens=tokens + 1, batch_size=np.int32(1))


def test_prompts_are_padded_as_the_model_was_trained_whoever_fills_them_up() -> None:
    functions = TextEncoder(Embedding(), padding=0).signatures()
    text = encode(functions, ["a cat", "cat " * 80], ["", ""])
    tokens = Tokenizer().encode("a cat")
    padded = [token if place < 4 else 0 for place, token in enumerate(tokens)]
    full = Tokenizer().encode("cat " * 80)

    np.testing.assert_array_equal(text["context"][:, :, 0], [padded, full])
    empty = [49406, 49407, *[0] * 75]
    np.testing.assert_array_equal(text["unconditional_context"][0, :, 0], empty)
    for filled_up in (tokens, padded):
        batch = np.array([filled_up, full], np.int32)
        answer = serve(functions[SignatureName.DEFAULT], tokens=batch, batch_size=np.int32(2))
        np.testing.assert_array_equal(answer["context"][:, :, 0], [padded, full])
        np.testing.assert_array_equal(answer["unconditional_context"][0, :, 0], empty)


@pytest.mark.parametrize(
    ("prompts", "negative_prompts"), [(["a"], ["b", "c"]), ("a", "b"), ([["a"]], [["b"]]), (["a"], "b")]
)
def test_lists_that_do_not_go_together_are_refused_with_a_sentence(
    functions: Any, prompts: Any, negative_prompts: Any
) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="give two lists of the same length, with empty strings"):
        encode(functions, prompts, negative_prompts)
