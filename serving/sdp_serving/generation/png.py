"""Text in PNG files: put in and read without touching the pixels.

The format is that of the PNG specification, third edition (https://www.w3.org/TR/png-3/): a signature, then chunks of a
length, a type, data and a CRC-32; text is in `iTXt` chunks (11.3.3.4), UTF-8 after a keyword.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEAD: Final = struct.Struct(">I4s")
_CRC: Final = struct.Struct(">I")


class NotPngError(ValueError):
    """The bytes are no whole PNG file."""


def with_text(png: bytes, texts: Mapping[str, str]) -> bytes:
    """The same picture with texts, by keyword, after those that it has.

    Args:
        png: a PNG file.
        texts: by keyword: 1 to 79 printable Latin-1 characters. A null character, which the format has no place for,
            becomes U+FFFD.

    Raises:
        NotPngError: when it is none.
    """
    first, _, end = next(_chunks(png), (b"", b"", 0))
    if first != b"IHDR":
        raise NotPngError("the file does not begin as a PNG does: give a whole PNG file")
    chunks = b"".join(_text_chunk(keyword, text) for keyword, text in texts.items())
    return png[:end] + chunks + png[end:]


def read_text(png: bytes) -> dict[str, str]:
    """The texts of a PNG file, by keyword; the last where there are several of one.

    Raises:
        NotPngError: when it is none.
    """
    found = {}
    for kind, data, _ in _chunks(png):
        if kind == b"iTXt":
            keyword, _, rest = data.partition(b"\0")
            compressed, rest = rest[:1] == b"\1", rest[2:]
            _, _, rest = rest.partition(b"\0")
            _, _, text = rest.partition(b"\0")
            found[keyword.decode("latin-1")] = _decompressed(text, compressed=compressed)
    return found


def _decompressed(text: bytes, *, compressed: bool) -> str:
    try:
        return (zlib.decompress(text) if compressed else text).decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise NotPngError("the file has text that is damaged: give a whole PNG file") from error


def _text_chunk(keyword: str, text: str) -> bytes:
    # After the keyword: not compressed, by no method, and no language nor translated keyword.
    data = keyword.encode("latin-1") + b"\0\0\0\0\0" + text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode()
    return _HEAD.pack(len(data), b"iTXt") + data + _CRC.pack(zlib.crc32(b"iTXt" + data))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Yields each chunk's type and data, and where the next one begins."""
    if not png.startswith(_SIGNATURE):
        raise NotPngError("the file is no PNG: give one")
    at, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        head = png[at : at + _HEAD.size]
        if len(head) < _HEAD.size:
            raise NotPngError("the file ends in its middle: give a whole PNG file")
        length, kind = _HEAD.unpack(head)
        data = png[at + _HEAD.size : at + _HEAD.size + length]
        at += _HEAD.size + length + _CRC.size
        if at > len(png):
            raise NotPngError("the file ends in its middle: give a whole PNG file")
        yield kind, data, at
