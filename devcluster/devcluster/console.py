"""What the user sees while waiting; all of it goes to standard error."""

from rich.console import Console

console = Console(stderr=True, highlight=False)


def step(text: str) -> None:
    """Say what begins now."""
    console.print(f"[bold cyan]→[/] {text}", soft_wrap=True)


def done(text: str) -> None:
    """Say what is finished."""
    console.print(f"[bold green]✓[/] {text}", soft_wrap=True)
