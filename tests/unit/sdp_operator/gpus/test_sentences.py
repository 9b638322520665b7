import pytest

from sdp_operator.gpus.sentences import LONGEST, counted, listed, sentence


def test_a_sentence_says_what_is_wrong_and_then_what_to_do() -> None:
    assert sentence("no GPU", "add one") == "no GPU: add one"
    assert sentence("no GPU", "add one", "no scale-up") == "no GPU (no scale-up): add one"


def test_a_long_complaint_is_cut_and_the_remedy_is_kept() -> None:
    message = sentence("no GPU " * 300, "add one", "no scale-up " * 300)
    assert len(message) == LONGEST
    assert message.endswith("…: add one")


def test_even_a_remedy_has_an_end() -> None:
    assert len(sentence("no GPU", "add one " * 300)) == LONGEST


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (["a"], "a"),
        (["a", "b", "c"], "a, b, c"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
        (["a" * 101], "a" * 99 + "…"),
    ],
)
def test_a_list_names_the_first_three(items: list[str], words: str) -> None:
    assert listed(items) == words


def test_nouns_follow_their_number() -> None:
    assert [counted(number, "GPU") for number in (0, 1, 2)] == ["0 GPUs", "1 GPU", "2 GPUs"]
