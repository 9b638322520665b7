"""Tables and amounts as text that reads well without colours."""

from io import StringIO
from typing import Final

from rich.console import Console, RenderableType

WIDTH: Final = 100

_UNITS: Final = ("KiB", "MiB", "GiB", "TiB")


def rendered(*parts: RenderableType) -> str:
    """The parts below one another."""
    text = StringIO()
    console = Console(file=text, width=WIDTH, color_system=None, highlight=False, markup=False, emoji=False)
    for part in parts:
        console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def amount(size: int | None) -> str:
    """A number of bytes, such as 3.2 GiB."""
    if size is None:
        return "unknown"
    scaled, unit = size / 1024, _UNITS[0]
    for larger in _UNITS[1:]:
        if scaled < 1024:
            break
        scaled, unit = scaled / 1024, larger
    return f"{scaled:.1f} {unit}"
