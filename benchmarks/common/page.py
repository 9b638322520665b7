"""The page that a benchmark makes: beside its program, and on the terminal."""

from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from benchmarks.common.results import Value
from devcluster.console import done


def write_page(folder: Path, page: str, results: Value) -> None:
    """Write the page to RESULTS.md and the numbers to results.json."""
    (folder / "RESULTS.md").write_text(page)
    (folder / "results.json").write_text(results.model_dump_json(indent=2) + "\n")
    done(f"Written to {folder / 'RESULTS.md'} and results.json")


def show_page(page: str) -> None:
    """Print the page; whoever keeps it in a file has it as it would be written."""
    console = Console()
    console.print(Markdown(page) if console.is_terminal else page, soft_wrap=not console.is_terminal)
