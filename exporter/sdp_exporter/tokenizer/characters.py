"""What is known of each character: read once, when a graph is built, from Python and from the client's tokenizer."""

from enum import IntEnum
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, pre_tokenizers

_BEYOND: Final = 0x40000
"""From here on no character is a letter, a number or a space, and none has a case."""
_SURROGATES: Final = range(0xD800, 0xE000)
_SIGMA: Final = "Σ"
_FINAL_SIGMA: Final = "ς"


class Kind(IntEnum):
    """What a character is to CLIP."""

    SPACE = 0
    LETTER = 1
    NUMBER = 2
    OTHER = 3


class Casing(IntEnum):
    """What a character next to a capital sigma means for its lower case (Unicode's condition Final_Sigma)."""

    NONE = 0
    CASED = 1
    IGNORED = 2


@lru_cache(maxsize=1)
def kinds() -> NDArray[np.int32]:
    """The Kind of each code point up to the last that is not OTHER, int32 [code points]."""
    found = np.full(_BEYOND + 1, Kind.OTHER, np.int32)
    for pattern, kind in ((r"\p{L}+", Kind.LETTER), (r"\p{N}+", Kind.NUMBER)):
        # By the very library that the client splits prompts with: releases of Unicode differ in their newest letters.
        split = pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True)
        for _, (start, end) in split.pre_tokenize_str(_every_character()):
            found[start:end] = kind
    found[[code for code in range(_BEYOND) if chr(code).isspace()]] = Kind.SPACE
    return found


@lru_cache(maxsize=1)
def lower_case() -> dict[int, int]:
    """The lower case of each code point that has another one. Capital I with a dot, which becomes two, is left out."""
    lowered = ((code, chr(code).lower()) for code in range(_BEYOND))
    return {code: ord(lower) for code, lower in lowered if len(lower) == 1 and ord(lower) != code}


@lru_cache(maxsize=1)
def casings() -> NDArray[np.int32]:
    """The Casing of each code point up to the last that has one, int32 [code points]."""
    # Python tells no one what it goes by, but shows it: a sigma after a cased letter is a final one.
    found = np.full(_BEYOND + 1, Casing.NONE, np.int32)
    for code in range(_BEYOND):
        if (chr(code) + _SIGMA).lower()[-1] == _FINAL_SIGMA:
            found[code] = Casing.CASED
        elif ("a" + chr(code) + _SIGMA).lower()[-1] == _FINAL_SIGMA:
            found[code] = Casing.IGNORED
    return found


def _every_character() -> str:
    """Every character at the place of its code point, and spaces for those that are none."""
    return "".join(" " if code in _SURROGATES else chr(code) for code in range(_BEYOND))
