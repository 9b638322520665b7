"""CLIP's tokenizer, which Stable Diffusion reads its prompts with.

The rules are those of CLIP's `simple_tokenizer.py` (https://github.com/openai/CLIP) as KerasCV keeps them, without ftfy
(which mends wrongly decoded text). Short prompts are filled up with end tokens, as KerasCV does for both versions of
Stable Diffusion; OpenCLIP, with which version 2 was trained, fills them up with token 0.
"""

import html
from functools import lru_cache
from typing import Final

import tokenizers
from tokenizers import AddedToken, models, pre_tokenizers

from sdp_serving.contract import vocabulary
from sdp_serving.contract.signatures import TOKENS

START: Final = vocabulary.START
END: Final = vocabulary.END

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
    bpe = tokenizers.Tokenizer(
        models.BPE(vocabulary.tokens(), list(vocabulary.merges()), end_of_word_suffix=vocabulary.END_OF_WORD)
    )
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(_PIECES), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.add_special_tokens([AddedToken(special, normalized=False) for special in vocabulary.SPECIALS])
    return bpe
