from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights.embeddings import Embedding, rows


def written(folder: Path, *words: str, **tensors: np.ndarray) -> Embedding:
    save_file(tensors, folder / "learnt.safetensors")
    return Embedding(words, folder / "learnt.safetensors")


@pytest.mark.parametrize("shape", [(24,), (1, 24)])
def test_a_word_gets_the_learnt_row(shape: tuple[int, ...], tmp_path: Path) -> None:
    learnt = np.arange(24, dtype=np.float16).reshape(shape)

    found = rows(written(tmp_path, "sks", **{"<my-style>": learnt}), 24)

    assert found.tokens == (48136,)
    np.testing.assert_array_equal(found.value(), np.arange(24, dtype=np.float32)[np.newaxis])


def test_several_rows_are_several_words(tmp_path: Path) -> None:
    found = rows(written(tmp_path, "sks", "ohwx", emb_params=np.ones((2, 24), np.float32)), 24)

    assert len(set(found.tokens)) == 2
    assert found.value().shape == (2, 24)


@pytest.mark.parametrize(
    ("words", "tensors", "message"),
    [
        (("sks",), {"emb_params": np.ones((2, 24))}, "holds 2 rows for 1 words: give 2 rare words"),
        (("sks",), {"emb_params": np.ones((1, 768))}, "was learnt for rows of 768, not 24"),
        (
            ("sks",),
            {"clip_g": np.ones((1, 24)), "clip_l": np.ones((1, 24))},
            "is no textual inversion of version 1 or 2",
        ),
        (("my style",), {"emb_params": np.ones((1, 24))}, "'my style' is not one token"),
        (("",), {"emb_params": np.ones((1, 24))}, "'' is not one token"),
        (("sks", "SKS"), {"emb_params": np.ones((2, 24))}, "are not all different"),
    ],
)
def test_what_cannot_be_taught_is_explained(
    words: tuple[str, ...], tensors: dict[str, np.ndarray], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UnusableWeightsError, match=message):
        rows(written(tmp_path, *words, **tensors), 24)


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableWeightsError, match="is a pickle"):
        rows(Embedding(("sks",), tmp_path / "learned_embeds.bin"), 24)
