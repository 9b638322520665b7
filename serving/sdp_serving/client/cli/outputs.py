"""Where pictures go: what `--output` means."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sdp_serving.generation.decode import Encoding

_SEED: Final = "{seed}"
_ENCODINGS: Final = MappingProxyType(
    {
        "": Encoding.PNG,
        ".png": Encoding.PNG,
        ".jpg": Encoding.JPEG,
        ".jpeg": Encoding.JPEG,
        ".webp": Encoding.WEBP,
    }
)
"""By the end of a file's name."""
_PLACEHOLDER: Final = re.compile(r"\{\w*\}")
_MOST_OF_A_PROMPT: Final = 40
"""Characters of it in a file's name: enough to know a picture again by in a listing."""


class UnusableOutputError(ValueError):
    """No picture can be written so; the text says what to give instead."""


@dataclass(frozen=True)
class Stdout:
    """The standard output: the picture, or the grid of several, as PNG."""


@dataclass(frozen=True)
class Together:
    """One file: the picture, or the grid of several."""

    path: Path
    encoding: Encoding


@dataclass(frozen=True)
class Each:
    """A file for each picture, in whose name `{seed}` is the picture's."""

    template: str
    encoding: Encoding

    def path(self, seed: int) -> Path:
        """The file of the picture with this seed."""
        return Path(self.template.replace(_SEED, str(seed)))


@dataclass(frozen=True)
class Folder:
    """A folder, made if need be, with a PNG for each picture, whose name tells of prompt and seed and is a new one."""

    path: Path

    def names(self, prompt: str, seed: int) -> Iterator[Path]:
        """What the file of this picture may be called, the best first."""
        stem = "-".join(filter(None, (_slug(prompt), str(seed))))
        yield self.path / f"{stem}.png"
        yield from (self.path / f"{stem}-{number}.png" for number in count(2))


Output = Stdout | Together | Each | Folder


def parse_output(text: str) -> Output:
    """What is meant by a value of `--output`.

    Raises:
        UnusableOutputError: nothing that can be written.
    """
    if text == "-":
        return Stdout()
    if text.endswith("/") or Path(text).is_dir():
        if Path(text).exists() and not Path(text).is_dir():
            raise UnusableOutputError(f"{text} is a file, no folder")
        return Folder(Path(text))
    for placeholder in _PLACEHOLDER.findall(text):
        if placeholder != _SEED:
            raise UnusableOutputError(f"{placeholder} means nothing here: only {_SEED} does, a picture's seed")
    folder = Path(text).parent
    if not folder.is_dir():
        raise UnusableOutputError(f"there is no folder {folder}: make it, or choose another one")
    suffix = Path(text).suffix
    if suffix.lower() not in _ENCODINGS:
        raise UnusableOutputError(f"{text} ends in {suffix}: end it in .png, .jpg or .webp")
    encoding = _ENCODINGS[suffix.lower()]
    return Each(text, encoding) if _SEED in text else Together(Path(text), encoding)


def _slug(prompt: str) -> str:
    """The prompt's first words as a part of a file's name."""
    words = "-".join(re.findall(r"\w+", prompt.lower()))
    if len(words) <= _MOST_OF_A_PROMPT:
        return words
    whole, _, _ = words[: _MOST_OF_A_PROMPT + 1].rpartition("-")
    return whole or words[:_MOST_OF_A_PROMPT]
