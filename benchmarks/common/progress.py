"""What the user sees meanwhile: a bar for each step on a terminal, a line for each in a log."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from devcluster.console import console, done

Update = Callable[[float], None]
"""Says how much has been done."""


@contextmanager
def bar(title: str, total: float) -> Iterator[Update]:
    """Show a step from its beginning to its end, then its seconds."""
    start = time.monotonic()
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=total)
        yield lambda completed: progress.update(task, completed=completed)
    done(f"{title} [dim]{time.monotonic() - start:.1f} s[/]")
