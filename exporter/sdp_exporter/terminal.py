"""What both commands write: to a terminal as wide as it is, to anything else at a fixed width."""

from typing import Final

from rich.console import Console
from rich.table import Table

_WIDTH: Final = 200
"""Columns of a table that no terminal shows."""


def console(*, stderr: bool = False) -> Console:
    """Standard output, or standard error."""
    found = Console(stderr=stderr, highlight=False)
    return found if found.is_terminal else Console(stderr=stderr, highlight=False, width=_WIDTH)


def table(*titles: str) -> Table:
    """A table without lines, whose cells are folded where there is no room for them."""
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in titles:
        made.add_column(title, overflow="fold")
    return made
