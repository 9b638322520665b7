"""CRC32C of a whole from those of its parts.

A checksum is a polynomial over GF(2), reflected: bit 31 is the coefficient of x^0. That of two parts together is the
first's times x^(bits of the second), plus the second's. https://github.com/madler/zlib/blob/develop/crc32.c does the
same for CRC-32.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_POLYNOMIAL: Final = 0x82F63B78
"""Castagnoli's, reflected, without x^32."""
_ONE: Final = 1 << 31


def joined(parts: Iterable[tuple[int, int]]) -> str:
    """The checksum, as 8 hexadecimal digits, of parts one after the other: each a checksum and a number of bytes."""
    whole = 0
    for crc, size in parts:
        whole = _times(_zeros(size), whole) ^ crc
    return f"{whole:08x}"


@lru_cache(maxsize=16)
def _zeros(size: int) -> int:
    """x^(8 * size) modulo the polynomial."""
    result, square, exponent = _ONE, _ONE >> 1, 8 * size
    while exponent:
        if exponent & 1:
            result = _times(result, square)
        square = _times(square, square)
        exponent >>= 1
    return result


def _times(a: int, b: int) -> int:
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ (_POLYNOMIAL if b & 1 else 0)
    return product
