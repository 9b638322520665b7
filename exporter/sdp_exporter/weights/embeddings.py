"""Textual inversion: new meanings of words (Gal et al. 2022, https://arxiv.org/abs/2208.01618).

A word of CLIP's vocabulary that is one token and rare, such as `sks`, is given the learnt row of the token table, as in
sd-tiny's taught text encoder: every tokenizer knows it already, so clients and the gateway need not know of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights.files import SafeTensors, open_safetensors
from sdp_serving.contract.tokenizer import END, Tokenizer


@dataclass(frozen=True)
class Embedding:
    """A file of learnt rows, and the words that get them: one for each row."""

    words: tuple[str, ...]
    path: Path


@dataclass(frozen=True)
class Rows:
    """The learnt rows by their tokens."""

    tokens: tuple[int, ...]
    file: SafeTensors
    name: str

    def value(self) -> npt.NDArray[np.float32]:
        """float32 [tokens, width]."""
        return self.file.read(self.name).astype(np.float32).reshape(len(self.tokens), -1)


def rows(embedding: Embedding, width: int) -> Rows:
    """The rows of an embedding, for a token table of `width`.

    Raises:
        UnusableWeightsError: if the file holds no such rows, or the words are not as many tokens.
    """
    file = open_safetensors(embedding.path)
    tensors = [(name, shape) for name, shape in file.shapes.items() if len(shape) in (1, 2)]
    if len(file.shapes) != 1 or len(tensors) != 1:
        raise UnusableWeightsError(
            f"{embedding.path} is no textual inversion of version 1 or 2: it holds {', '.join(list(file.shapes)[:3])},"
            " not one tensor of learnt rows"
        )
    ((name, shape),) = tensors
    if shape[-1] != width:
        raise UnusableWeightsError(
            f"{embedding.path} was learnt for rows of {shape[-1]}, not {width}: give one of this version of Stable"
            " Diffusion"
        )
    count = shape[0] if len(shape) == 2 else 1
    if len(embedding.words) != count:
        raise UnusableWeightsError(
            f"{embedding.path} holds {count} rows for {len(embedding.words)} words: give {count} rare words, which then"
            " stand in a prompt one after the other"
        )
    return Rows(_tokens(embedding.words), file, name)


def _tokens(words: Sequence[str]) -> tuple[int, ...]:
    tokenizer = Tokenizer()
    tokens = []
    for word in words:
        encoded = tokenizer.encode(word)[1:]
        if encoded[0] == END or encoded[1] != END:
            raise UnusableWeightsError(
                f"{word!r} is not one token of CLIP's vocabulary, which a learnt row must have: choose a rare word that"
                " is, such as 'sks'"
            )
        tokens.append(encoded[0])
    if len(set(tokens)) < len(tokens):
        raise UnusableWeightsError(f"the words {', '.join(words)} are not all different: give each row its own")
    return tuple(tokens)
