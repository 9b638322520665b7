"""The command line: python -m benchmarks.exporter."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from benchmarks.common.page import show_page, write_page
from benchmarks.exporter.plan import FULL, QUICK
from benchmarks.exporter.report import markdown
from benchmarks.exporter.run import MeasureError, run
from benchmarks.exporter.ways import WAYS

_FOLDER: Final = Path(__file__).parent
_TITLES: Final = [way.title for way in WAYS]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="A very small model, to try the program.")
@click.option("--way", "titles", multiple=True, type=click.Choice(_TITLES), help="Only this way; can be given again.")
@click.option(
    "--diffusers",
    metavar="PYTHON",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Python that has diffusers and PyTorch, such as /venv/bin/python; without it, they are left out.",
)
def main(quick: bool, titles: Sequence[str], diffusers: Path | None) -> None:
    """Draw with the full-size diffusion model in each way, one after the other; weights are random.

    The table of a full run is written to RESULTS.md and the numbers to results.json beside this program, after each
    way; a run with --quick or --way only prints. It takes about an hour and a half and 12 GB of memory on two cores.
    """
    plan = QUICK if quick else FULL
    ways = [way for way in WAYS if not titles or way.title in titles]
    table = ""
    try:
        for results in run(plan, ways, diffusers):
            table = markdown(results, plan)
            if not quick and not titles:
                write_page(_FOLDER, table, results)
    except MeasureError as error:
        raise click.ClickException(str(error)) from None
    finally:
        show_page(table)


if __name__ == "__main__":
    main()
