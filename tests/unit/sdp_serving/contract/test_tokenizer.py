import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp_serving.contract.tokenizer import END, START, Tokenizer


@pytest.mark.parametrize(
    ("prompt", "tokens"),
    [
        # As CLIP's own tokenizer gives them; the first two are also in many projects' tests.
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("a photo of an astronaut riding a horse on mars", [320, 1125, 539, 550, 18376, 6765, 320, 4558, 525, 7496]),
        ("sks", [48136]),
        ("I'll 123 don't!! héllo", [328, 1342, 272, 273, 274, 847, 713, 748, 71, 3459, 19293]),
        ("日本 😀&amp;amp; A  B", [39121, 19277, 361, 12832, 261, 320, 321]),
        ("", []),
    ],
)
def test_tokens_are_those_of_clip(prompt: str, tokens: list[int]) -> None:
    assert Tokenizer().encode(prompt) == [START, *tokens, *[END] * (76 - len(tokens))]


def test_case_and_spacing_do_not_matter() -> None:
    assert Tokenizer().encode("  A Photo\n\tof a\u00a0CAT ") == Tokenizer().encode("a photo of a cat")


def test_html_entities_are_read_twice_as_clip_does() -> None:
    assert Tokenizer().encode("cats &amp;amp; dogs") == Tokenizer().encode("cats & dogs")


def test_the_end_token_written_out_is_one_token() -> None:
    assert Tokenizer().encode("cat <|endoftext|> dog")[:5] == [START, 2368, END, 1929, END]


def test_a_long_prompt_is_cut_and_still_ends_with_the_end_token() -> None:
    tokens = Tokenizer().encode("cat " * 100)

    assert tokens == [START, *[2368] * 75, END]


@given(st.text())
def test_any_text_gives_77_tokens_of_the_vocabulary(prompt: str) -> None:
    tokens = Tokenizer().encode(prompt)

    assert len(tokens) == 77
    assert tokens[0] == START
    assert tokens[-1] == END
    assert all(0 <= token <= END for token in tokens)


@given(st.text(), st.text())
def test_words_are_tokenized_apart(first: str, second: str) -> None:
    def words(prompt: str) -> list[int]:
        return [token for token in Tokenizer().encode(prompt) if token not in (START, END)]

    apart = words(first) + words(second)

    assert words(f"{first} {second}") == apart[:75]


def test_a_second_tokenizer_costs_nothing() -> None:
    Tokenizer()
    start = time.perf_counter()

    Tokenizer()

    assert time.perf_counter() - start < 0.01
