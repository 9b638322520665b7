"""`sdpipeline history`: the swaps of a pipeline's models."""

import click
from pydantic import BaseModel, ConfigDict
from rich.table import Table

from sdp_operator.api.v1alpha1 import SwapRecord, format_time
from sdp_operator.cli.errors import says_errors
from sdp_operator.cli.kubectl import Kubectl
from sdp_operator.cli.options import Output, takes_cluster, takes_output
from sdp_operator.cli.swaps import read_pipeline, swaps_of
from sdp_operator.cli.text import rendered


class History(BaseModel):
    """The swaps of a pipeline's models.

    Attributes:
        name: the pipeline's.
        namespace: the pipeline's.
        swaps: the last ones, the newest first.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    namespace: str
    swaps: tuple[SwapRecord, ...]


@click.command()
@click.argument("name")
@takes_output
@takes_cluster
@says_errors
def history(kubectl: Kubectl, name: str, output: Output) -> None:
    """Show the last swaps of the pipeline NAME's models, the newest first."""
    live = read_pipeline(kubectl, name)
    found = History(name=name, namespace=live["metadata"]["namespace"], swaps=tuple(swaps_of(live)))
    if output == "json":
        click.echo(found.model_dump_json(indent=2, exclude_none=True))
    elif found.swaps:
        click.echo(history_table(found), nl=False)
    else:
        click.echo(f"No model of {found.namespace}/{name} has been swapped yet.", err=True)


def history_table(found: History) -> str:
    """The swaps as a person reads them: each with its two models below it, since URIs are long."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in ("WHEN", "COMPONENT", "RESULT", "SECONDS"):
        table.add_column(title, no_wrap=True)
    for one in found.swaps:
        seconds = "" if one.seconds is None else str(one.seconds)
        table.add_row(format_time(one.started), one.component, one.result, seconds)
    titles, *rows = rendered(table).splitlines()
    models = (f"  from {one.source}\n  to   {one.target}" for one in found.swaps)
    swaps = (f"{row}\n{both}\n" for row, both in zip(rows, models, strict=True))
    return f"{titles}\n{''.join(swaps)}"
