"""`sdpipeline replay`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from sdp_serving.client.cli.comparison import compare
from sdp_serving.client.cli.drawing import Drawn, draw, told
from sdp_serving.client.cli.original import Original, options_of, pixels_of, read_original
from sdp_serving.client.cli.outputs import Output, Stdout, Together
from sdp_serving.client.cli.place import Place, place_options
from sdp_serving.client.cli.sections import SectionedCommand, option
from sdp_serving.client.cli.summary import record, summary
from sdp_serving.client.cli.values import OutputType, make_folders, require_one_stdout, source_options
from sdp_serving.client.cli.writing import encoding_to_ask, together, write
from sdp_serving.client.errors import NoCanaryError
from sdp_serving.client.options import Options
from sdp_serving.contract.routes import Variant

_DIFFERENT: Final = 3
"""The exit code."""

_EPILOG = """\b
Examples:
  sdpipeline replay out.png
  sdpipeline replay out.png --pipeline sd-new -o again.png

\b
Exits with
  0 when the picture comes out equal
  1 when it could not be made
  2 when nothing was sent, for what is asked is wrong
  3 when it comes out different
"""


@click.command(cls=SectionedCommand, epilog=_EPILOG, short_help="Make PICTURE again, and say whether it is equal.")
@click.argument("picture", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@option("A picture that was drawn over another", "--image", metavar="FILE", help="The other one.")
@option("A picture that was drawn over another", "--mask", metavar="FILE", help="The mask, where there was one.")
@option(
    "What comes out",
    "-o",
    "--output",
    "outputs",
    metavar="FILE",
    type=OutputType(),
    multiple=True,
    help="Keep the new picture, as `generate` does.  [default: only compare]",
)
@option("What comes out", "--json", "as_json", is_flag=True, help="Print verdict and receipt as one JSON object.")
@place_options
def replay(
    *,
    picture: Path,
    image: str | None,
    mask: str | None,
    outputs: tuple[Output, ...],
    as_json: bool,
    place: Place,
) -> None:
    """Make PICTURE again by its receipt, and say whether it comes out equal, pixel for pixel.

    It also says which models have been replaced since. A grid is made again as a whole; a JPEG or WebP is compared
    after it has lost the same detail.
    """
    require_one_stdout(outputs, as_json=as_json)
    original = read_original(picture)
    options = options_of(original.receipt, source_options(image, mask, None))
    make_folders(outputs)
    with told():
        drawn = _draw(original, options, picture, outputs, place)
        again = pixels_of(together(drawn.generation, original.encoding))
        files = list(write(drawn.generation, outputs, sys.stdout.buffer))
    verdict = compare(original.pixels, again, original.receipt, drawn.generation.receipt)
    if as_json:
        click.echo(record(drawn, files, **verdict.record()))
    else:
        for line in [*files, *verdict.words()]:
            click.echo(line, err=any(isinstance(output, Stdout) for output in outputs))
        click.echo(summary(drawn), err=True)
    if not verdict.is_equal:
        click.get_current_context().exit(_DIFFERENT)


def _draw(original: Original, options: Options, path: Path, outputs: Sequence[Output], place: Place) -> Drawn:
    receipt = original.receipt
    encoding = encoding_to_ask([*outputs, Together(path, original.encoding)], receipt.images)
    try:
        return draw(place, receipt.prompt, options, encoding, variant=receipt.variant)
    except NoCanaryError:
        # It may have been promoted since.
        return draw(place, receipt.prompt, options, encoding, variant=Variant.STABLE)
