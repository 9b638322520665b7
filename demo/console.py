"""The demo's steps on the terminal: one line each with its seconds, and what it waits for while it runs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

CONSOLE = Console(stderr=True, highlight=False)

Say = Callable[[str], None]
"""Shows what a running step is doing or waiting for."""


@contextmanager
def step(title: str) -> Iterator[Say]:
    """Show `title` as running, then as done with its seconds; a pipe gets each change as a line of its own."""
    start = time.monotonic()
    last = ""
    with CONSOLE.status(title) as status:
        if not CONSOLE.is_terminal:
            CONSOLE.print(f"  {title} ...")

        def say(text: str) -> None:
            nonlocal last
            if text != last and not CONSOLE.is_terminal:
                CONSOLE.print(f"    {text}", markup=False, soft_wrap=True)
            last = text
            status.update(f"{title}: {text}")

        yield say
    CONSOLE.print(f"[green]✓[/green] {title} [dim]{time.monotonic() - start:.1f} s[/dim]")
