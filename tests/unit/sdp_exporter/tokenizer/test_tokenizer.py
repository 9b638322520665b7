"""The tokenizer in the graph against the client's."""

import html
import random
import string
import time
from typing import Any

import pytest
import tensorflow as tf
import tokenizers
from tests.support import prompts

from sdp_exporter.signatures.tracing import trace
from sdp_exporter.tokenizer import CHARACTERS, Tokenizer
from sdp_serving.contract import tokenizer as client

_AT_ONCE = 1000


WORDS = {
    "<Toy-1>": [49408, 49409],
    "<toy-1>2": [49410],
    "skstoy": [49411],
    "<\u732b>": [49412],
    "\u00e9-Style": [49413, 49414, 49415],
    "'s-toy": [49416],
}
"""Each has one or more tokens after CLIP's."""


@pytest.fixture(scope="module")
def tokenize() -> Any:
    tokenizer = Tokenizer(WORDS)
    return trace(lambda texts: tokenizer(texts)._asdict(), [tf.TensorSpec([None], tf.string)])


def tokens_of(function: Any, *texts: str | bytes) -> list[list[int]]:
    return function(tf.constant(texts))["tokens"].numpy().tolist()  # type: ignore[no-any-return]


def test_each_prompt_of_the_corpus_has_the_tokens_that_the_client_gives_it(tokenize: Any) -> None:
    # A batch takes as many rounds as its longest word does.
    corpus = sorted(prompts.prompts(), key=len)
    assert len(corpus) > 5000
    reference = client.Tokenizer()
    answers = [tokens_of(tokenize, *corpus[start : start + _AT_ONCE]) for start in range(0, len(corpus), _AT_ONCE)]
    found = [tokens for answer in answers for tokens in answer]
    different = [text for text, tokens in zip(corpus, found, strict=True) if tokens != reference.encode(text)]
    assert different == []


def test_every_numeric_entity_is_resolved_as_python_does(tokenize: Any) -> None:
    codes = [*range(0x180), *range(0xD7FE, 0xE002), *range(0xFDCE, 0xFDF2), *range(0xFFFD, 0x10002), 0x10FFFE, 0x110000]
    texts = [f"x{html.unescape(f'&#{code};')}x" for code in codes]
    expected = tokens_of(tokenize, *texts)
    assert tokens_of(tokenize, *(f"x&#{code};x" for code in codes)) == expected
    assert tokens_of(tokenize, *(f"x&#X{code:08x}x" for code in codes)) == tokens_of(
        tokenize, *(f"{text}" for text in texts)
    )


def test_what_does_not_fit_is_counted(tokenize: Any) -> None:
    texts = ["", "cat " * 75, "cat " * 76, "cat " * 80 + "<|endoftext|>", "cats & dogs"]
    assert tokenize(tf.constant(texts))["cut_off"].numpy().tolist() == [0, 0, 1, 6, 0]


def test_no_prompt_is_no_tokens(tokenize: Any) -> None:
    answer = tokenize(tf.constant([], tf.string))
    assert answer["tokens"].shape == (0, 77)
    assert answer["cut_off"].shape == (0,)


def test_a_prompt_that_is_no_utf_8_is_read_as_python_reads_it_with_replacements(tokenize: Any) -> None:
    raw = [b"caf\xe9 \xff\xfe", b"\xed\xa0\x80 \xf4\x90\x80\x80 \xc3", b"\xff"]
    texts = [each.decode(errors="replace") for each in raw]
    assert tokens_of(tokenize, *raw) == [client.Tokenizer().encode(text) for text in texts]


@pytest.mark.parametrize("before", ["", "&" * 200_000, " " * 200_000])
def test_a_hostile_prompt_takes_seconds_at_most_and_is_read_right_all_the_same(tokenize: Any, before: str) -> None:
    # Letters in no order share few merges: read as a whole, this word would take an hour.
    word = "".join(random.Random(1).choices(string.ascii_lowercase, k=200_000))
    started = time.process_time()
    (tokens,) = tokens_of(tokenize, before + word)
    assert time.process_time() - started < 10
    assert tokens == client.Tokenizer().encode(before + word[: 2 * CHARACTERS])


def test_learnt_words_are_found_as_the_tokenizers_library_finds_added_tokens(tokenize: Any) -> None:
    # A copy: the client's is shared.
    library = tokenizers.Tokenizer.from_str(client._bpe().to_str())
    library.add_tokens([word.lower() for word in WORDS])
    found = {library.token_to_id(word.lower()): tokens for word, tokens in WORDS.items()}
    draw = random.Random(1)
    some = draw.sample([prompt for prompt in prompts.prompts() if len(prompt) < 100], 400)
    texts = [*WORDS, *map(str.upper, WORDS), *("".join(draw.choices(list(WORDS), k=5)) for _ in range(50))]
    for prompt in some:
        place = draw.randint(0, len(prompt))
        texts.append(prompt[:place] + draw.choice(list(WORDS)) + prompt[place:])

    def reference(text: str) -> list[int]:
        read = " ".join(html.unescape(html.unescape(text)).split()).lower()
        single = library.encode(read, add_special_tokens=False).ids
        tokens = [token for each in single for token in found.get(each, [each])][:75]
        return [client.START, *tokens, *[client.END] * (76 - len(tokens))]

    different = [
        text for text, tokens in zip(texts, tokens_of(tokenize, *texts), strict=True) if tokens != reference(text)
    ]
    assert different == []


def test_prompts_are_filled_up_with_the_padding_after_an_end_token() -> None:
    tokenizer = Tokenizer(padding=0)
    short, empty, full = (
        tokenizer(tf.constant([text])).tokens.numpy()[0].tolist() for text in ("cat", "", "cat " * 80)
    )
    assert short == [49406, 2368, 49407, *[0] * 74]
    assert empty == [49406, 49407, *[0] * 75]
    assert full == [49406, *[2368] * 75, 49407]


def test_a_learnt_word_has_its_own_tokens_wherever_it_stands(tokenize: Any) -> None:
    one, two, three = tokens_of(tokenize, "a <toy-1> on", "a<TOY-1>2, (skstoy)", "askstoy &lt;toy-1&gt;")
    plain = client.Tokenizer().encode
    assert one[:6] == [*plain("a")[:2], 49408, 49409, plain("on")[1], 49407]
    assert two[:7] == [*plain("a")[:2], 49410, *plain(", (")[1:3], 49411, plain(")")[1]]
    assert three[:5] == [*plain("a")[:2], 49411, 49408, 49409]
