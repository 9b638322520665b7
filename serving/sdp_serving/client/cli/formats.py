"""The formats of picture files, told by their names."""

from enum import StrEnum
from pathlib import Path
from typing import Final


class Format(StrEnum):
    """Of a file; the value is Pillow's name for it."""

    PNG = "PNG"
    JPEG = "JPEG"
    WEBP = "WEBP"


class UnknownFormatError(ValueError):
    """A file's name ends as no picture's does; the text says how it may end."""


_BY_SUFFIX: Final = {
    "": Format.PNG,
    ".png": Format.PNG,
    ".jpg": Format.JPEG,
    ".jpeg": Format.JPEG,
    ".webp": Format.WEBP,
}


def format_of(path: Path) -> Format:
    """The format that a file's name asks for; PNG where it has no suffix.

    Raises:
        UnknownFormatError: it asks for another.
    """
    try:
        return _BY_SUFFIX[path.suffix.lower()]
    except KeyError:
        raise UnknownFormatError(f"{path} ends in {path.suffix}: end it in .png, .jpg or .webp") from None
