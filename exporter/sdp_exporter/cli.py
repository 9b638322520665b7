"""The command line: `sdpipeline-export`."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import click
from rich.console import Console

from sdp_exporter import __version__
from sdp_exporter.errors import ExportError
from sdp_exporter.export import Observer, Request, export
from sdp_exporter.log_lines import LogObserver
from sdp_exporter.progress import TerminalObserver
from sdp_exporter.sources import tiny
from sdp_serving.contract.artifact import ModelUri, UnusableUriError
from sdp_serving.contract.components import Component

_MAY_PASS: Final = 1
_USER_MUST_ACT: Final = 2
"""Exit codes of failures. This one is click's own for bad arguments, so that a Job need not try any of them again."""


class _Destination(click.ParamType[ModelUri]):
    """The folder, on Google Cloud Storage or this machine, that gets a folder for each component."""

    name = "URI"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ModelUri:
        """Read the URI; it must not pin a version."""
        try:
            uri = ModelUri.parse(str(value))
        except UnusableUriError as error:
            self.fail(str(error), param, ctx)
        if uri.version is not None:
            self.fail(f"{uri} ends in a version: leave the version out, the export makes a new one", param, ctx)
        return uri


@click.group(chain=True)
@click.version_option(__version__)
def main() -> None:
    """Export models of Stable Diffusion for TensorFlow Serving.

    Each component becomes a new version at URI/COMPONENT, unless the newest version there is the same model already.
    The versions' URIs are printed, one a line. Several exports share one start of TensorFlow:

    \b
    sdpipeline-export sd-tiny --to gs://bucket/sd-tiny  sd-tiny --weights striped --to gs://bucket/sd-tiny-striped

    \b
    Exit codes:
      0  every model is there
      1  it failed in a way that may pass by itself, such as the network's: try again
      2  it will fail again until you act: no such weights, a bad URI, a bucket that is missing or refuses access
    """


@main.command("sd-tiny")
@click.option("--to", "destination", type=_Destination(), required=True, help="Such as gs://bucket/sd-tiny.")
@click.option("--weights", default="base", show_default=True, help=f"One of: {', '.join(tiny.VARIANTS)}.")
@click.option(
    "--component",
    "components",
    type=click.Choice([component.value for component in Component]),
    multiple=True,
    help="May be repeated; without it, every component that has such weights.",
)
def sd_tiny(destination: ModelUri, weights: str, components: tuple[str, ...]) -> list[Request]:
    """The small Stable Diffusion that comes with this project: 64x64 pictures of coloured shapes."""
    try:
        sources = tiny.sources(weights, [Component(name) for name in components])
    except tiny.NoSuchWeightsError as error:
        raise click.BadParameter(str(error), param_hint="--weights") from None
    return [Request(source, _beneath(destination, source.component)) for source in sources]


@main.result_callback()
def _run(batches: Iterable[list[Request]]) -> None:
    """Export what the commands asked for."""
    requests = [request for batch in batches for request in batch]
    try:
        with _observer() as observer:
            uris = export(requests, clock=lambda: datetime.now(UTC), observer=observer)
    except ExportError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_MAY_PASS if error.may_pass else _USER_MUST_ACT)
    for uri in uris:
        click.echo(str(uri))


@contextmanager
def _observer() -> Iterator[Observer]:
    console = Console(stderr=True)
    if console.is_terminal:
        with TerminalObserver(console) as observer:
            yield observer
    else:
        yield LogObserver(lambda line: click.echo(line, err=True))


def _beneath(uri: ModelUri, component: Component) -> ModelUri:
    return uri.model_copy(update={"location": f"{uri.location}/{component}"})
