from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights.embeddings import Embedding, learnt

SKS, FREE = 48136, 49408


def written(folder: Path, words: tuple[str, ...], tensors: Mapping[str, np.ndarray], name: str = "learnt") -> Embedding:
    save_file(dict(tensors), folder / f"{name}.safetensors")
    return Embedding(words, folder / f"{name}.safetensors")


def of_rows(folder: Path, rows: int, *words: str, name: str = "learnt") -> Embedding:
    return written(folder, words, {"emb_params": np.ones((rows, 24), np.float32)}, name)


@pytest.mark.parametrize("shape", [(24,), (1, 24)])
def test_a_word_of_clips_keeps_its_token_and_gets_the_learnt_row(shape: tuple[int, ...], tmp_path: Path) -> None:
    row = np.arange(24, dtype=np.float16).reshape(shape)

    found = learnt([written(tmp_path, ("sks",), {"<my-style>": row})], 24)

    assert [rows.tokens for rows in found.rows] == [(SKS,)]
    assert (found.words, found.vocabulary) == ({}, FREE)
    np.testing.assert_array_equal(found.rows[0].value(), np.arange(24, dtype=np.float32)[np.newaxis])


def test_new_words_get_the_tokens_after_clips_in_the_order_in_which_they_are_given(tmp_path: Path) -> None:
    embeddings = [
        of_rows(tmp_path, 1, "<Toy>", name="toy"),
        of_rows(tmp_path, 3, "my-style", name="style"),
        of_rows(tmp_path, 2, "sks", "&lt;cat&gt;", name="both"),
    ]

    found = learnt(embeddings, 24)

    assert found.words == {
        "<toy>": (FREE,),
        "my-style": (FREE + 1, FREE + 2, FREE + 3),
        "<cat>": (FREE + 4,),
    }
    assert [rows.tokens for rows in found.rows] == [(FREE,), (FREE + 1, FREE + 2, FREE + 3), (SKS, FREE + 4)]
    assert [rows.value().shape for rows in found.rows] == [(1, 24), (3, 24), (2, 24)]
    assert found.vocabulary == FREE + 5


@pytest.mark.parametrize(
    ("words", "tensors", "message"),
    [
        (
            ("<a>", "<b>"),
            {"emb_params": np.ones((3, 24))},
            "holds 3 rows for 2 words: give one word for all rows, or 3",
        ),
        (("sks",), {"emb_params": np.ones((2, 24))}, "'sks' is a word of CLIP's, which has one row.*such as <sks>"),
        (("sks",), {"emb_params": np.ones((1, 768))}, "was learnt for rows of 768, not 24"),
        (("sks",), {"emb_params": np.ones((0, 24))}, "holds 0 rows for 1 words"),
        (
            ("sks",),
            {"clip_g": np.ones((1, 24)), "clip_l": np.ones((1, 24))},
            "is no textual inversion of version 1 or 2",
        ),
        (("my style",), {"emb_params": np.ones((1, 24))}, "'my style' is no word: give one without spaces"),
        (("",), {"emb_params": np.ones((1, 24))}, "'' is no word"),
        (("<|StartOfText|>",), {"emb_params": np.ones((1, 24))}, "has <|startoftext|> in it, which CLIP needs itself"),
        (("<|endoftext|>x",), {"emb_params": np.ones((1, 24))}, "has <|endoftext|> in it"),
        (("sks", "SKS"), {"emb_params": np.ones((2, 24))}, "'SKS' is given two rows of .*: give each row its own"),
    ],
)
def test_what_cannot_be_taught_is_explained(
    words: tuple[str, ...], tensors: dict[str, np.ndarray], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UnusableWeightsError, match=message.replace("|", r"\|")):
        learnt([written(tmp_path, words, tensors)], 24)


@pytest.mark.parametrize(("one", "other"), [("<toy>", "<TOY>"), ("sks", "sks"), ("<toy>", "&lt;toy&gt;")])
def test_a_word_that_two_files_have_is_refused(one: str, other: str, tmp_path: Path) -> None:
    embeddings = [of_rows(tmp_path, 1, one, name="one"), of_rows(tmp_path, 1, other, name="other")]

    with pytest.raises(UnusableWeightsError, match=r"is given to .*one\.safetensors and to .*other\.safetensors"):
        learnt(embeddings, 24)


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableWeightsError, match="is a pickle"):
        learnt([Embedding(("sks",), tmp_path / "learned_embeds.bin")], 24)
