"""The command line: `sdpipeline-export`."""

from collections.abc import Iterable
from datetime import UTC, datetime

import click
from rich.console import Console

from sdp_exporter import __version__
from sdp_exporter.errors import ExportError
from sdp_exporter.export import Request, export
from sdp_exporter.progress import TerminalObserver
from sdp_exporter.sources import tiny
from sdp_serving.contract.artifact import ModelUri, UnusableUriError
from sdp_serving.contract.components import Component


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
    with TerminalObserver(Console(stderr=True)) as observer:
        try:
            uris = export(requests, clock=lambda: datetime.now(UTC), observer=observer)
        except ExportError as error:
            raise click.ClickException(str(error)) from None
    for uri in uris:
        click.echo(str(uri))


def _beneath(uri: ModelUri, component: Component) -> ModelUri:
    return uri.model_copy(update={"location": f"{uri.location}/{component}"})
