"""CLIP's vocabulary: the byte pairs that it merges, in order, and the number of each token."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Final

START: Final = 49406
END: Final = 49407
SPECIALS: Final = {"<|startoftext|>": START, "<|endoftext|>": END}
"""What a prompt can spell out to get these tokens."""
SIZE: Final = 49408
"""Tokens in all, those two included."""
END_OF_WORD: Final = "</w>"
"""What the last part of a word ends in, to tell it from the same letters elsewhere."""

FILE: Final = Path(__file__).with_name("bpe_simple_vocab_16e6.txt.gz")
"""Where the byte pairs are, as CLIP publishes them."""

_MERGES: Final = 48894
"""The file lists more; CLIP takes so many that the whole vocabulary has 49152 + 256 tokens."""


def merges() -> tuple[tuple[str, str], ...]:
    """The pairs of parts of words that are merged, those that go first first."""
    lines = gzip.decompress(FILE.read_bytes()).decode().split("\n")
    return tuple((left, right) for left, right in (line.split() for line in lines[1 : _MERGES + 1]))


def tokens() -> dict[str, int]:
    """The token of each part of a word, in the letters of `letters`."""
    single = letters()
    words = [*single, *(letter + END_OF_WORD for letter in single), *(left + right for left, right in merges())]
    return {**{word: token for token, word in enumerate(words)}, **SPECIALS}


def letters() -> tuple[str, ...]:
    """The 256 characters that stand for bytes, in the order of the vocabulary."""
    return tuple(letter for _, letter in _bytes_and_letters())


def byte_tokens() -> tuple[int, ...]:
    """The token of each byte from 0 to 255, inside a word."""
    order = [byte for byte, _ in _bytes_and_letters()]
    return tuple(order.index(byte) for byte in range(256))


def _bytes_and_letters() -> Iterator[tuple[int, str]]:
    """Yields each byte with the character that stands for it.

    Printable Latin-1 characters stand for themselves and come first; the other bytes take characters from U+0100 on.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    yield from ((byte, chr(byte)) for byte in printable)
    others = (byte for byte in range(256) if byte not in printable)
    yield from ((byte, chr(256 + index)) for index, byte in enumerate(others))
