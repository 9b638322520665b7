"""CLIP's tokenizer, which every Stable Diffusion of version 1 reads its prompts with.

The rules are those of CLIP's `simple_tokenizer.py` (https://github.com/openai/CLIP) as KerasCV keeps them, without ftfy
(which mends wrongly decoded text).
"""

import gzip
import html
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import tokenizers
from tokenizers import AddedToken, models, pre_tokenizers

from sdp_serving.contract.signatures import TOKENS

START: Final = 49406
END: Final = 49407

_VOCABULARY = Path(__file__).with_name("bpe_simple_vocab_16e6.txt.gz")
_MERGES = 48894  # The file lists more; CLIP takes so many that the whole vocabulary has 49152 + 256 tokens.
_END_OF_WORD = "</w>"
# What is never merged across: contractions, runs of letters, single digits, runs of anything else that is no space.
_PIECES = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


class Tokenizer:
    """Turns prompts into tokens; cheap to make again, for the vocabulary is read once a process."""

    def __init__(self) -> None:
        self._bpe = _bpe()

    def encode(self, prompt: str) -> list[int]:
        """Returns 77 tokens: the start token, the prompt's, and end tokens up to the 77th.

        What does not fit is cut off, as Stable Diffusion does.
        """
        text = " ".join(html.unescape(html.unescape(prompt)).split()).lower()
        tokens = self._bpe.encode(text, add_special_tokens=False).ids[: TOKENS - 2]
        return [START, *tokens, *[END] * (TOKENS - 1 - len(tokens))]


@lru_cache(maxsize=1)
def _bpe() -> tokenizers.Tokenizer:
    lines = gzip.decompress(_VOCABULARY.read_bytes()).decode().split("\n")
    merges = [(left, right) for left, right in (line.split() for line in lines[1 : _MERGES + 1])]
    letters = list(_letters())
    words = [*letters, *(letter + _END_OF_WORD for letter in letters), *(left + right for left, right in merges)]
    specials = ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: token for token, word in enumerate([*words, *specials])}
    bpe = tokenizers.Tokenizer(models.BPE(vocabulary, merges, end_of_word_suffix=_END_OF_WORD))
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(_PIECES), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.add_special_tokens([AddedToken(special, normalized=False) for special in specials])
    return bpe


def _letters() -> Iterator[str]:
    """Yields the 256 characters that stand for the bytes, in the order of CLIP's vocabulary.

    Printable Latin-1 characters stand for themselves and come first; the other bytes take characters from U+0100 on.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    yield from map(chr, printable)
    yield from (chr(256 + index) for index in range(256 - len(printable)))
