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
_MOST_UNPACKED: Final = 1 << 20
"""Bytes of a text: far more than the receipt of the longest prompt."""


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


def read_text(png: bytes, keyword: str) -> str | None:
    """The text of a PNG file that has this keyword, the last where there are several; None where there is none.

    Raises:
        NotPngError: when it is no PNG file, or the text is damaged or unpacks to more than a megabyte.
    """
    begin, found = keyword.encode("latin-1") + b"\0", None
    for kind, data, _ in _chunks(png):
        if kind == b"iTXt" and data.startswith(begin):
            found = data.removeprefix(begin)
    return None if found is None else _text(found)


def _text(data: bytes) -> str:
    """What is in a text chunk behind its keyword."""
    compressed, rest = data[:1] == b"\1", data[2:]
    _, _, rest = rest.partition(b"\0")
    _, _, text = rest.partition(b"\0")
    try:
        return (_decompressed(text) if compressed else text).decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise NotPngError("the file has text that is damaged: give a whole PNG file") from error


def _decompressed(text: bytes) -> bytes:
    # A file of a few kilobytes can unpack to gigabytes.
    unpacking = zlib.decompressobj()
    found = unpacking.decompress(text, _MOST_UNPACKED)
    if unpacking.unconsumed_tail:
        raise NotPngError("the file has a text of more than a megabyte: give a picture with a shorter one")
    if not unpacking.eof:
        raise NotPngError("the file has text that is damaged: give a whole PNG file")
    return found


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
