"""The command line: python -m benchmarks.swap."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from demo.shell import DemoError

from benchmarks.common.page import show_page, write_page
from benchmarks.swap.plan import FULL, QUICK
from benchmarks.swap.report import markdown
from benchmarks.swap.run import run
from benchmarks.swap.ways import WAYS
from devcluster.errors import ClusterError

_FOLDER: Final = Path(__file__).parent
_TITLES: Final = [way.title for way in WAYS]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Few of each.")
@click.option("--way", "titles", multiple=True, type=click.Choice(_TITLES), help="Only this way; can be given again.")
def main(quick: bool, titles: Sequence[str]) -> None:
    """Swap a model under load, by each strategy and without an operator; then start cold, and fetch.

    All of it runs on one local cluster of its own, and needs root as its node does. The table of a full run is written
    to RESULTS.md and the numbers to results.json beside this program, after each part; a run with --quick or --way
    only prints. It takes about 50 minutes.
    """
    # So that `kill` and a closed terminal clean up as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    ways = [way for way in WAYS if not titles or way.title in titles]
    table = ""
    try:
        for results in run(QUICK if quick else FULL, ways, pulling=not titles):
            table = markdown(results)
            if not quick and not titles:
                write_page(_FOLDER, table, results)
    except (ClusterError, DemoError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        show_page(table)


if __name__ == "__main__":
    main()
