"""The command `sdpipeline export`, which `python -m sdp_exporter` is too."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args

import click
from rich.console import Console

from sdp_exporter.errors import ExportError
from sdp_exporter.export import Exported, Observer, Request, export, look_up
from sdp_exporter.log_lines import LogObserver
from sdp_exporter.progress import TerminalObserver
from sdp_exporter.sources import tiny
from sdp_exporter.tables import forecast, summary
from sdp_exporter.wishes import Model, WishError, read_requests, wish
from sdp_serving.contract.components import Component

_MAY_PASS: Final = 1
_USER_MUST_ACT: Final = 2
"""Exit codes of failures. This one is click's own for bad arguments, so that a Job need not try any of them again."""

_WIDTH: Final = 200
"""Columns of a table that no terminal shows."""


@click.command("export", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", metavar="MODEL", type=click.Choice(get_args(Model)), required=False)
@click.option("--to", metavar="URI", help="Where the models go, such as gs://bucket/sd-tiny or file:///folder.")
@click.option(
    "--weights",
    help=f"Which weights: for sd-tiny one of {', '.join(tiny.VARIANTS)}.  [default: base]",
)
@click.option(
    "--component",
    type=click.Choice([component.value for component in Component]),
    multiple=True,
    help="May be repeated.  [default: every component that has such weights]",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML file with fields named as these options and `model`, instead of them; each document is an export.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be exported and what is there already; change nothing.")
@click.option(
    "--result-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the models' URIs and digests here as JSON; in a Job: /dev/termination-log.",
)
def main(
    model: str | None,
    config: Path | None,
    dry_run: bool,
    result_file: Path | None,
    **options: Any,
) -> None:
    """Export the models of Stable Diffusion as SavedModels for TensorFlow Serving.

    MODEL is the Stable Diffusion that is exported: its text encoder, diffusion model (the UNet with the whole
    sampling loop, in TensorFlow), decoder and image encoder. Each becomes a version at URI/COMPONENT, such as
    gs://bucket/sd-tiny/decoder/1767268800000, unless the newest version there is the same model already. A version
    appears whole or not at all. An export that was interrupted goes on where it was when it is run again.

    \b
      sdpipeline export sd-tiny --to gs://bucket/sd-tiny
      sdpipeline export sd-tiny --weights striped --to gs://bucket/striped --component diffusion-model
      sdpipeline export --config export.yaml --dry-run

    On a terminal, standard error shows a bar for each stage and a table at the end; elsewhere it is JSON, one line a
    stage. Standard output is the versions' URIs, one a line: what `model` of a pipeline's component takes.

    \b
    Exit codes:
      0  every model is there
      1  it failed in a way that may pass by itself, such as the network's: run it again
      2  it will fail again until you act: no such weights, a bad URI, a bucket that is missing or refuses access
    """
    requests = _requests(model, config, {name: value for name, value in options.items() if value})
    try:
        if dry_run:
            _console(stderr=False).print(forecast(look_up(requests)))
            return
        exported = _export(requests)
        if result_file is not None:
            _write(result_file, exported)
    except ExportError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_MAY_PASS if error.may_pass else _USER_MUST_ACT)
    for one in exported:
        click.echo(str(one.uri))


def _requests(model: str | None, config: Path | None, options: dict[str, Any]) -> list[Request]:
    if config is not None:
        if model is not None or options:
            raise click.UsageError("give either --config or MODEL and its options: put the options into the file")
        try:
            return read_requests(config)
        except WishError as error:
            raise click.UsageError(error.text) from None
    if model is None:
        raise click.UsageError("Missing argument 'MODEL': give one such as sd-tiny, or --config")
    if "to" not in options:
        raise click.UsageError("Missing option '--to': give a folder such as gs://bucket/sd-tiny")
    try:
        return wish({"model": model, **options}).requests()
    except WishError as error:
        raise click.BadParameter(error.text, param_hint=f"--{error.field}") from None


def _export(requests: Sequence[Request]) -> list[Exported]:
    console = _console(stderr=True)
    with _observer(console) as observer:
        exported = export(requests, clock=_now, observer=observer)
    if console.is_terminal:
        console.print(summary(exported))
    return exported


def _write(path: Path, exported: Sequence[Exported]) -> None:
    models = [
        {"component": one.request.source.component, "uri": str(one.uri), "digest": one.digest} for one in exported
    ]
    try:
        path.write_text(json.dumps({"models": models}) + "\n")
    except OSError as error:
        raise click.BadParameter(
            f"{path} can't be written ({error.strerror}): choose another file; the models are exported",
            param_hint="--result-file",
        ) from None


@contextmanager
def _observer(console: Console) -> Iterator[Observer]:
    if console.is_terminal:
        with TerminalObserver(console) as observer:
            yield observer
    else:
        yield LogObserver(lambda line: click.echo(line, err=True), _now)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=_WIDTH)


def _now() -> datetime:
    return datetime.now(UTC)
