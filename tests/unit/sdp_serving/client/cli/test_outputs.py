from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp_serving.client.cli.outputs import Each, Folder, Stdout, Together, UnusableOutputError, parse_output
from sdp_serving.generation.decode import Encoding


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-", Stdout()),
        ("out", Together(Path("out"), Encoding.PNG)),
        ("out.png", Together(Path("out.png"), Encoding.PNG)),
        ("out.JPG", Together(Path("out.JPG"), Encoding.JPEG)),
        ("out.jpeg", Together(Path("out.jpeg"), Encoding.JPEG)),
        ("out.webp", Together(Path("out.webp"), Encoding.WEBP)),
        ("out-{seed}.jpg", Each("out-{seed}.jpg", Encoding.JPEG)),
        ("pictures/", Folder(Path("pictures"))),
    ],
)
def test_the_text_tells_what_is_meant(text: str, expected: object) -> None:
    assert parse_output(text) == expected


def test_a_folder_that_is_there_needs_no_slash() -> None:
    Path("pictures").mkdir()
    assert parse_output("pictures") == Folder(Path("pictures"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("out.gif", r"out\.gif ends in \.gif: end it in \.png, \.jpg or \.webp"),
        ("no/out.png", "there is no folder no: make it"),
        ("out-{index}.png", r"\{index\} means nothing here: only \{seed\} does"),
        ("file/", "file/ is a file, no folder"),
    ],
)
def test_what_cannot_be_written_is_told(text: str, message: str) -> None:
    Path("file").touch()
    with pytest.raises(UnusableOutputError, match=message):
        parse_output(text)


def test_the_seed_is_in_the_name() -> None:
    assert Each("a-{seed}/{seed}.png", Encoding.PNG).path(7) == Path("a-7/7.png")


def test_a_name_in_a_folder_tells_of_prompt_and_seed() -> None:
    names = Folder(Path("p")).names("A small, red circle", 42)
    assert list(islice(names, 3)) == [Path(f"p/a-small-red-circle-42{again}.png") for again in ("", "-2", "-3")]


def test_a_long_prompt_is_cut_between_words_and_an_empty_one_leaves_the_seed() -> None:
    folder = Folder(Path("p"))
    assert next(folder.names("one two three four five six seven eight nine ten", 1)) == Path(
        "p/one-two-three-four-five-six-seven-eight-1.png"
    )
    assert next(folder.names("x" * 100, 1)) == Path(f"p/{'x' * 40}-1.png")
    assert next(folder.names("!?", 1)) == Path("p/1.png")


@given(prompt=st.text(), seed=st.integers(0, 1 << 63))
def test_any_prompt_gives_a_name_of_one_file_in_the_folder(prompt: str, seed: int) -> None:
    name = next(Folder(Path("p")).names(prompt, seed))
    assert name.parent == Path("p")
    assert len(name.name.encode()) <= 255
    assert "\0" not in name.name
