"""The command line: python -m benchmarks.scale."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from benchmarks.common.page import show_page, write_page
from benchmarks.scale import plan as plans
from benchmarks.scale.api import ApiError
from benchmarks.scale.report import markdown
from benchmarks.scale.results import Results
from benchmarks.scale.run import run
from devcluster.errors import ClusterError

_FOLDER: Final = Path(__file__).parent
_SIZES: Final = [str(plan.pipelines) for plan in plans.FULL]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Only 1 and 10 pipelines; nothing is written.")
@click.option("--pipelines", multiple=True, type=click.Choice(_SIZES), help="Only this size; can be given again.")
@click.option(
    "--before",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An earlier results.json, to be shown beside.",
)
def main(quick: bool, pipelines: Sequence[str], before: Path | None) -> None:
    """Measure the operator with 1, 10, 100 and 500 pipelines.

    Each size gets a control plane and an operator of its own, and nodes that KWOK acts out. The table is written to
    RESULTS.md and the numbers to results.json beside this program, after each size. It takes about half an
    hour, the last ten minutes of it idle.
    """
    # So that `kill` and a closed terminal clean up as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    all_sizes = plans.QUICK if quick else plans.FULL
    chosen = [plan for plan in all_sizes if not pipelines or str(plan.pipelines) in pipelines]
    if not chosen:
        raise click.UsageError("--quick measures 1 and 10 pipelines: leave it out for more.")
    earlier = None if before is None else Results.model_validate_json(before.read_text())
    table = ""
    try:
        for results in run(chosen):
            table = markdown(results, earlier)
            if not quick:
                write_page(_FOLDER, table, results)
    except (ClusterError, ApiError, TimeoutError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        show_page(table)


if __name__ == "__main__":
    main()
