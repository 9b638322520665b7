"""The command `sdpipeline artifacts`."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.table import Table

from sdp_exporter import terminal
from sdp_exporter.artifacts.listing import Artifact, State, list_artifacts, open_stores
from sdp_exporter.artifacts.pipelines import InUse, ask_cluster
from sdp_exporter.artifacts.pruning import UNFINISHED_AGE, Pruning, prune
from sdp_exporter.errors import ExportError
from sdp_exporter.stores import Store
from sdp_exporter.words import amount
from sdp_serving.contract.artifact import ModelUri, UnusableUriError

_DIGEST = len("sha256:") + 12


@click.command("artifacts", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("uri")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--verify", is_flag=True, help="Compare the checksum of every file with the manifest's.")
@click.option(
    "--prune",
    "keep",
    metavar="N",
    type=click.IntRange(min=1),
    help="Delete all but the last N versions of each model, and what exports that died more than a day ago have left."
    " A version that a pipeline uses stays.",
)
@click.option("--yes", is_flag=True, help="Prune without asking.")
@click.option("--context", help="The kubeconfig's context whose pipelines are asked.  [default: the current one]")
@click.option("--no-cluster", is_flag=True, help="Prune without asking a cluster: no pipeline uses these models.")
def artifacts(
    uri: str, output: str, verify: bool, keep: int | None, yes: bool, context: str | None, no_cluster: bool
) -> None:
    """List the versions of the models at URI.

    URI is what was given as --to, such as gs://bucket/sd, or one model's, such as gs://bucket/sd/decoder.

    \b
      sdpipeline artifacts gs://bucket/sd
      sdpipeline artifacts gs://bucket/sd --verify
      sdpipeline artifacts gs://bucket/sd/diffusion-model --prune 3

    A version is whole, unfinished (it is being exported, or its export died; it is never served), damaged (it is not
    what its manifest says), or has no manifest.

    \b
    Exit codes:
      0  done
      1  a version is damaged, or the storage can't be reached
      2  you must act: a bad URI, a bucket that is missing or refuses access, a cluster that can't be asked
    """
    if keep is None and (yes or context or no_cluster):
        raise click.UsageError("--yes, --context and --no-cluster belong to --prune: add it, or leave them out")
    if keep is not None and output == "json":
        raise click.UsageError("--output=json is for listing: leave it out, or --prune")
    try:
        stores = open_stores(_model(uri))
        found = list_artifacts(stores, verify=verify)
        if keep is not None:
            _prune(found, stores, keep, lambda: InUse(()) if no_cluster else ask_cluster(context), yes=yes)
            return
    except ExportError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1 if error.may_pass else 2)
    if output == "json":
        click.echo(json.dumps([_described(one) for one in found], indent=2))
    elif found:
        _print(found)
    else:
        click.echo(f"There is no model at {uri}.", err=True)
    for one in found:
        for fault in one.faults:
            click.echo(f"{one.uri}: {fault}", err=True)
    if any(one.state is State.DAMAGED for one in found):
        click.echo("Error: a version is damaged: delete it, and export its weights again", err=True)
        sys.exit(1)


def _model(text: str) -> ModelUri:
    try:
        uri = ModelUri.parse(text)
    except UnusableUriError as error:
        raise click.BadParameter(str(error), param_hint="URI") from None
    if uri.version is not None or uri.scheme not in ("gs", "file"):
        raise click.BadParameter(
            f"{text} can't be listed: give a folder such as gs://bucket/sd or file:///folder, without a version",
            param_hint="URI",
        )
    return uri


def _prune(
    found: Sequence[Artifact], stores: Mapping[ModelUri, Store], keep: int, ask: Callable[[], InUse], *, yes: bool
) -> None:
    now = datetime.now(UTC)
    pruning = prune(found, keep, ask(), now)
    _announce(pruning)
    doomed = pruning.doomed
    if doomed and not yes:
        click.confirm(f"Delete {len(doomed)} of {len(found)} versions for good?", abort=True, err=True)
        # Whoever was asked may have taken their time, in which a pipeline went back to one.
        in_use = ask()
        doomed = [one for one in doomed if not in_use.uses(one.uri)]
    for one in doomed:
        stores[one.model].delete(one.stored.version)
    freed = sum(one.stored.size for one in doomed)
    freed += sum(store.delete_leftovers(now - UNFINISHED_AGE) for store in stores.values())
    click.echo(f"Deleted {len(doomed)} versions, and freed {amount(freed)}.", err=True)


def _announce(pruning: Pruning) -> None:
    for one in pruning.used:
        click.echo(f"{one.uri} stays: a pipeline uses it", err=True)
    if pruning.doomed:
        _print(pruning.doomed)


def _print(found: Sequence[Artifact]) -> None:
    terminal.console().print(_table(found))


def _table(found: Sequence[Artifact]) -> Table:
    table = terminal.table("VERSION", "CREATED", "COMPONENT", "WEIGHTS", "SIZE", "DIGEST", "STATE")
    for one in found:
        told = one.stored.manifest
        table.add_row(
            str(one.stored.version),
            (one.stored.changed if told is None else told.created).strftime("%Y-%m-%d %H:%M"),
            one.model.location.rpartition("/")[2] if told is None else str(told.component),
            "" if told is None else told.weights,
            amount(one.stored.size),
            "" if told is None else told.source_digest[:_DIGEST],
            str(one.state),
        )
    return table


def _described(one: Artifact) -> dict[str, Any]:
    told = one.stored.manifest
    return {
        "uri": str(one.uri),
        "version": one.stored.version,
        "created": None if told is None else told.created.isoformat(),
        "component": None if told is None else told.component,
        "weights": None if told is None else told.weights,
        "bytes": one.stored.size,
        "digest": None if told is None else told.source_digest,
        "state": one.state,
        "faults": list(one.faults),
    }
