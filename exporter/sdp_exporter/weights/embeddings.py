"""Textual inversion: new meanings of words (Gal et al. 2022, https://arxiv.org/abs/2208.01618).

A word of CLIP's vocabulary that is one token, such as `sks`, is given the learnt row of the token table. Every
tokenizer knows it already, so clients that send tokens need not know of it.

Any other word, such as `<my-toy>`, becomes one or more tokens after CLIP's, whose rows are added to the table. It is
found as an added token of the libraries `tokenizers` and `transformers` is: before byte pairs are merged, anywhere in a
prompt, even within a longer word. Of several rows diffusers makes the words `<my-toy>`, `<my-toy>_1` and so on and puts
all of them in for the first; here the word itself is as many tokens.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights.files import open_torch
from sdp_exporter.weights.safetensors import SafeTensors
from sdp_serving.contract.tokenizer import END, Tokenizer
from sdp_serving.contract.vocabulary import SIZE, SPECIALS


@dataclass(frozen=True)
class Embedding:
    """A file of learnt rows, and the words that get them: one for each row, or one for all."""

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


@dataclass(frozen=True)
class Learnt:
    """What all embeddings together change."""

    rows: tuple[Rows, ...] = ()
    words: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Words beyond CLIP's vocabulary, in lower case, with their tokens."""

    @property
    def vocabulary(self) -> int:
        """Rows of the token table."""
        return SIZE + sum(len(tokens) for tokens in self.words.values())


def learnt(embeddings: Sequence[Embedding], width: int) -> Learnt:
    """The rows of all embeddings, for a token table of `width`.

    Raises:
        UnusableWeightsError: if a file holds no such rows, or a word can't have them.
    """
    found: list[Rows] = []
    words: dict[str, tuple[int, ...]] = {}
    owners: dict[str, Path] = {}
    tokenizer = Tokenizer()
    free = SIZE
    for embedding in embeddings:
        file = open_torch(embedding.path)
        name, count = _tensor(file, embedding.path, width)
        tokens: list[int] = []
        for written, rows in _shared_out(embedding, count):
            word = _as_read(written)
            if word in owners:
                raise UnusableWeightsError(
                    f"{written!r} is given to {owners[word]} and to {embedding.path}: give each its own word"
                    if owners[word] != embedding.path
                    else f"{written!r} is given two rows of {embedding.path}: give each row its own word"
                )
            owners[word] = embedding.path
            known = _single_token(tokenizer, word)
            if known is None:
                words[word] = tuple(range(free, free + rows))
                free += rows
                tokens += words[word]
            elif rows == 1:
                tokens.append(known)
            else:
                raise UnusableWeightsError(
                    f"{written!r} is a word of CLIP's, which has one row, but {embedding.path} holds {rows}: choose"
                    f" another word, such as <{word}>"
                )
        found.append(Rows(tuple(tokens), file, name))
    return Learnt(tuple(found), words)


def _tensor(file: SafeTensors, path: Path, width: int) -> tuple[str, int]:
    """The name of the tensor of learnt rows, and how many they are."""
    tensors = [(name, shape) for name, shape in file.shapes.items() if len(shape) in (1, 2)]
    if len(file.shapes) != 1 or len(tensors) != 1:
        raise UnusableWeightsError(
            f"{path} is no textual inversion of version 1 or 2: it holds {', '.join(list(file.shapes)[:3])},"
            " not one tensor of learnt rows"
        )
    ((name, shape),) = tensors
    if shape[-1] != width:
        raise UnusableWeightsError(
            f"{path} was learnt for rows of {shape[-1]}, not {width}: give one of this version of Stable Diffusion"
        )
    return name, shape[0] if len(shape) == 2 else 1


def _shared_out(embedding: Embedding, count: int) -> Sequence[tuple[str, int]]:
    """How many rows each word gets."""
    if len(embedding.words) == 1 and count > 0:
        return [(embedding.words[0], count)]
    if len(embedding.words) != count:
        raise UnusableWeightsError(
            f"{embedding.path} holds {count} rows for {len(embedding.words)} words: give one word for all rows, or"
            f" {count} words"
        )
    return [(word, 1) for word in embedding.words]


def _as_read(written: str) -> str:
    """The word as the tokenizer meets it in a prompt."""
    word = html.unescape(html.unescape(written)).lower()
    if not word or any(character.isspace() for character in word):
        raise UnusableWeightsError(f"{written!r} is no word: give one without spaces, such as <my-toy>")
    for special in SPECIALS:
        if special in word:
            raise UnusableWeightsError(
                f"{written!r} has {special} in it, which CLIP needs itself: choose another word, such as <my-toy>"
            )
    return word


def _single_token(tokenizer: Tokenizer, word: str) -> int | None:
    """The token that CLIP has for the word, if it has one for the whole."""
    _, first, second, *_ = tokenizer.encode(word)
    return first if second == END and first != END else None
