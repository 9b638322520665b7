"""The command line: python -m benchmarks.equality."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.markdown import Markdown

from benchmarks.equality.comparison import Comparison, compare, markdown
from devcluster.console import done

_STEPS: Final = (1, 2, 3, 7, 20, 25, 30, 50, 333, 1000)
_VERSIONS: Final = ("1.5", "2.1")
_RESULTS: Final = Path(__file__).with_name("RESULTS.md")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", "versions", multiple=True, type=click.Choice(_VERSIONS), help="Only this version.")
@click.option(
    "--steps", multiple=True, type=click.IntRange(1, 1000), help="Only this number of steps; can be repeated."
)
def main(versions: Sequence[str], steps: Sequence[int]) -> None:
    """Draw with KerasCV and with the exported models of the same random weights at full size, and compare.

    KerasCV writes its weights to files, from which the models are exported; both then draw from the same noise. The
    table of a full run is written to RESULTS.md beside this program; one with --version or --steps only prints. Exit
    code 1 says that something differs. It takes some hours and 6 GB of memory on two cores, and 8 GB of disk in TMPDIR.
    """
    chosen = versions or _VERSIONS
    found: dict[str, list[Comparison]] = {}
    for version in chosen:
        with tempfile.TemporaryDirectory(prefix="sdpipeline-equality-") as folder:
            found[version] = _compare(version, steps or _STEPS, Path(folder))
    table = markdown(found)
    console = Console()
    console.print(Markdown(table) if console.is_terminal else table, soft_wrap=not console.is_terminal)
    if not versions and not steps:
        _RESULTS.write_text(table)
        done(f"Written to {_RESULTS}")
    sys.exit(0 if all(each.equal for comparisons in found.values() for each in comparisons) else 1)


def _compare(version: str, steps: Sequence[int], folder: Path) -> list[Comparison]:
    job = json.dumps({"version": version, "steps": list(steps), "folder": str(folder)})
    # One after the other, a process each: two full-size models at once would take twice the memory.
    for whose in ("kerascvs", "exported"):
        subprocess.run([sys.executable, "-m", f"benchmarks.equality.{whose}", job], check=True)
    return compare(folder)


if __name__ == "__main__":
    main()
