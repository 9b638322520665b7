"""The puller's command line: `python3 -m sdp_serving.puller`."""

import os
import re
import signal
import sys
from pathlib import Path
from types import FrameType

import click

from sdp_serving.contract.artifact import ModelUri, UnusableUriError
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import NotPulled, Pulled, PullFailure
from sdp_serving.contract.versions import StableDiffusionVersion
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.judgement import ImageSize, Wanted
from sdp_serving.puller.pull import pull
from sdp_serving.puller.report import termination_message
from sdp_serving.puller.storage import open_storage


class _ImageSize(click.ParamType[ImageSize]):
    """The height and the width of an image, such as 512x768."""

    name = "HxW"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ImageSize:
        """Read the size."""
        match = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", str(value))
        if match is None:
            self.fail(f"{value!r} is no size of an image: give the height and the width, such as 512x768", param, ctx)
        return ImageSize(int(match[1]), int(match[2]))


@click.command()
@click.option(
    "--component",
    type=click.Choice([component.value for component in Component]),
    required=True,
    help="The component that the model must be.",
)
@click.option("--uri", required=True, help="Where the model lies: gs://bucket/folder or file:///folder[/version].")
@click.option(
    "--sd-version",
    type=click.Choice([version.value for version in StableDiffusionVersion]),
    help="The version of Stable Diffusion that the model must go with; any when left out.",
)
@click.option(
    "--image-size",
    type=_ImageSize(),
    help="The height and width in pixels of the images that the model must be for; any when left out.",
)
@click.option(
    "--models",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/models"),
    show_default=True,
    help="The folder to lay it in, as <component>/<version>.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("/dev/termination-log"),
    show_default=True,
    help="The file for the report that the operator reads.",
)
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    help="Seconds during which a transient error of the storage is tried again.",
)
def main(
    component: str,
    uri: str,
    sd_version: str | None,
    image_size: ImageSize | None,
    models: Path,
    report: Path,
    patience: float,
) -> None:
    """Bring a model beside the model server, verified."""
    # As a container's first process it would otherwise ignore the signal until the grace period ends.
    signal.signal(signal.SIGTERM, _end)
    version = None if sd_version is None else StableDiffusionVersion(sd_version)
    outcome = _pulled(uri, Wanted(Component(component), version, image_size), models, patience)
    _write(report, termination_message(outcome))
    if isinstance(outcome, NotPulled):
        _say(f"Error: {outcome.message}.")
        sys.exit(1)


def _pulled(text: str, wanted: Wanted, models: Path, patience: float) -> Pulled | NotPulled:
    try:
        uri = ModelUri.parse(text)
        return pull(open_storage(uri, patience=patience), uri, wanted, models, say=_say)
    except UnusableUriError as error:
        return NotPulled(reason=PullFailure.UNUSABLE_URI, message=str(error))
    except PullError as error:
        return NotPulled(reason=error.reason, message=str(error))


def _write(report: Path, content: bytes) -> None:
    try:
        report.write_bytes(content)
    except OSError as error:
        # Outside Kubernetes there is none, and the exit code tells as much.
        _say(f"The report was not written to {report}: {error.strerror}")


def _say(line: str) -> None:
    click.echo(line, err=True)


def _end(number: int, _frame: FrameType | None) -> None:
    # Not sys.exit: it would wait for the downloads.
    os._exit(128 + number)


if __name__ == "__main__":
    main(prog_name="python3 -m sdp_serving.puller")
