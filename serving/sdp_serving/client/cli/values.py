"""The values of options that are more than a text or a number."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sdp_serving.client.cli.outputs import Folder, Output, Stdout, UnusableOutputError, parse_output
from sdp_serving.client.cli.source_pictures import UnusablePictureError, read_mask, read_picture
from sdp_serving.client.options import Options
from sdp_serving.contract.image_sizes import SIZE_STEP
from sdp_serving.generation.errors import InvalidRequestError
from sdp_serving.generation.request import Size


class OutputType(click.ParamType[Output]):
    """The value of `--output`."""

    name = "output"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Output:
        """Read it."""
        if not isinstance(value, str):
            found: Output = value
            return found
        try:
            output = parse_output(value)
        except UnusableOutputError as error:
            self.fail(f"{error}.", param, ctx)
        if isinstance(output, Stdout) and sys.stdout.isatty():
            self.fail("the standard output is a terminal: lead it into a file or a program.", param, ctx)
        return output


class SizeType(click.ParamType[Size]):
    """The value of `--size`, such as `512x768`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Size:
        """Read it."""
        if isinstance(value, Size):
            return value
        width, _, height = str(value).lower().partition("x")
        try:
            size = Size(int(width), int(height))
        except (ValueError, InvalidRequestError):
            size = None
        if size is None or size.width % SIZE_STEP or size.height % SIZE_STEP:
            self.fail(f"{value!r}: give a width and a height in multiples of {SIZE_STEP}, such as 512x768.", param, ctx)
        return size


def make_folders(outputs: Sequence[Output]) -> None:
    """Make the folders that pictures are to be in.

    Raises:
        click.BadParameter: when one can't be made.
    """
    for output in outputs:
        if isinstance(output, Folder):
            try:
                output.path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise click.BadParameter(
                    f"the folder {output.path} cannot be made ({error.strerror}): choose another one.",
                    param_hint="--output",
                ) from error


def require_one_stdout(outputs: Sequence[Output], *, as_json: bool) -> None:
    """Check that the standard output is given one thing only.

    Raises:
        click.UsageError: when it is not.
    """
    pictures = sum(isinstance(output, Stdout) for output in outputs)
    if pictures + as_json > 1:
        raise click.UsageError("the standard output can have one picture, or --json: give one of them only.")


def source_options(image: str | None, mask: str | None, strength: float | None) -> Options:
    """What the options of these names say of the picture to begin from.

    Raises:
        click.BadParameter: when a file can't be used.
    """
    options = Options()
    if strength is not None:
        options["strength"] = strength
    if image is None:
        if mask is not None:
            raise click.BadParameter("a mask is of a picture: give --image too.", param_hint="--mask")
        return options
    try:
        picture = options["image"] = read_picture(Path(image))
    except UnusablePictureError as error:
        raise click.BadParameter(f"{error}.", param_hint="--image") from error
    if mask is not None:
        try:
            options["mask"] = read_mask(Path(mask), picture)
        except UnusablePictureError as error:
            raise click.BadParameter(f"{error}.", param_hint="--mask") from error
    return options
