"""Amounts as a person reads them."""

from typing import Final

_UNITS: Final = ("KiB", "MiB", "GiB", "TiB")


def amount(size: float) -> str:
    """A number of bytes, such as 3.2 GiB."""
    scaled, unit = size / 1024, _UNITS[0]
    for larger in _UNITS[1:]:
        if scaled < 1024:
            break
        scaled, unit = scaled / 1024, larger
    return f"{scaled:.1f} {unit}"
