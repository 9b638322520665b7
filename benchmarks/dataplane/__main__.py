"""The command line: python -m benchmarks.dataplane."""

import signal
from pathlib import Path
from typing import Final

import click

from benchmarks.common.page import show_page, write_page
from benchmarks.dataplane.models import ExportError
from benchmarks.dataplane.overhead import NoPictureError
from benchmarks.dataplane.plan import FULL, QUICK
from benchmarks.dataplane.report import markdown
from benchmarks.dataplane.run import run
from benchmarks.dataplane.wire import ClientFailedError
from devcluster.errors import ClusterError

_FOLDER: Final = Path(__file__).parent


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Few of each.")
def main(quick: bool) -> None:
    """Draw as the seed does, by the client and through the gateway; then ask more of the gateway than it can do.

    All of it runs on loopback ports of this machine. The table of a full run is written to RESULTS.md and the numbers
    to results.json beside this program, after each part; a run with --quick only prints. It takes about ten minutes.
    """
    # So that `kill` and a closed terminal clean up as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    table = ""
    try:
        for results in run(QUICK if quick else FULL):
            table = markdown(results)
            if not quick:
                write_page(_FOLDER, table, results)
    except (ExportError, ClusterError, ClientFailedError, NoPictureError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        show_page(table)


if __name__ == "__main__":
    main()
