"""`sdpipeline generate`."""

import sys

import click

from sdp_serving.client.cli.drawing import draw, told
from sdp_serving.client.cli.outputs import Output
from sdp_serving.client.cli.place import Place, place_options
from sdp_serving.client.cli.sections import SectionedCommand, option
from sdp_serving.client.cli.summary import cut_off, record, summary
from sdp_serving.client.cli.values import OutputType, SizeType, make_folders, require_one_stdout, source_options
from sdp_serving.client.cli.writing import encoding_to_ask, write
from sdp_serving.client.options import Options
from sdp_serving.contract.sampling import MOST_STEPS, Sampler, Schedule
from sdp_serving.generation.request import DEFAULT_STEPS, DEFAULT_STRENGTH, MOST_PICTURES, SEEDS, Size

_EPILOG = """\b
Examples:
  sdpipeline generate "a small red circle on a blue background"
  sdpipeline generate "a red star" -n 4 -o grid.png -o 'star-{seed}.jpg'
  sdpipeline generate "a red star" --image photo.jpg --mask sky.png
  sdpipeline generate "a red star" -o - | imgcat

\b
Exits with
  0 when the pictures are written
  1 when they are not
  2 when nothing was sent, for what is asked is wrong
"""


@click.command(cls=SectionedCommand, epilog=_EPILOG)
@click.argument("prompt")
@option(
    "Picture",
    "-n",
    "--images",
    metavar="N",
    type=click.IntRange(1, MOST_PICTURES),
    default=1,
    show_default=True,
    help="How many pictures.",
)
@option("Picture", "--negative-prompt", metavar="TEXT", default="", help="What the pictures are not to show.")
@option(
    "Picture",
    "--seed",
    metavar="N",
    type=click.IntRange(0, SEEDS - 1),
    help="Makes the same picture again; each further one has the next number.  [default: random, and printed]",
)
@option(
    "Picture",
    "--steps",
    metavar="N",
    type=click.IntRange(1, MOST_STEPS),
    default=DEFAULT_STEPS,
    show_default=True,
    help="How many denoising steps.",
)
@option(
    "Picture",
    "--guidance-scale",
    metavar="X",
    type=click.FloatRange(min=0),
    help="How strongly the prompt leads.  [default: 7.5 for Stable Diffusion, 3 for sd-tiny]",
)
@option("Picture", "--size", metavar="WxH", type=SizeType(), help="In pixels, such as 512x768.  [default: the model's]")
@option(
    "Picture",
    "--sampler",
    type=click.Choice([sampler.value for sampler in Sampler]),
    help="How noise is taken away; dpm_solver_pp_2m needs the fewest steps.  [default: the model's]",
)
@option(
    "Picture",
    "--schedule",
    type=click.Choice([schedule.value for schedule in Schedule]),
    help="Which noise levels the steps visit.  [default: the model's]",
)
@option("Drawing over a picture", "--image", metavar="FILE", help="Begin with this picture instead of with noise.")
@option(
    "Drawing over a picture",
    "--mask",
    metavar="FILE",
    help="Draw only where this one, of the same size, is white; black is kept.",
)
@option(
    "Drawing over a picture",
    "--strength",
    metavar="X",
    type=click.FloatRange(0, 1),
    help=f"How much of the picture goes, from 0 (nothing) to 1 (all).  [default: {DEFAULT_STRENGTH}]",
)
@option(
    "What comes out",
    "-o",
    "--output",
    "outputs",
    metavar="FILE",
    type=OutputType(),
    multiple=True,
    default=["out.png"],
    show_default=True,
    help="A .png, .jpg or .webp; several pictures become one grid, unless {seed} is in the name, which then gives each"
    " its own file. A folder (FOLDER/) gets a new file for each; - is the standard output. May be given several times.",
)
@option(
    "What comes out",
    "--preview",
    is_flag=True,
    help="Show the pictures in the terminal while they are drawn: in colour, and sharp where it is kitty, Ghostty,"
    " iTerm2, WezTerm or mintty.",
)
@option(
    "What comes out", "--json", "as_json", is_flag=True, help="Print files, receipt and seconds as one JSON object."
)
@place_options
def generate(
    *,
    prompt: str,
    images: int,
    negative_prompt: str,
    seed: int | None,
    steps: int,
    guidance_scale: float | None,
    size: Size | None,
    sampler: str | None,
    schedule: str | None,
    image: str | None,
    mask: str | None,
    strength: float | None,
    outputs: tuple[Output, ...],
    preview: bool,
    as_json: bool,
    place: Place,
) -> None:
    """Make pictures of PROMPT.

    Each file holds its receipt: prompt, seed, all other choices and the models, with which `sdpipeline replay` makes it
    again.
    """
    require_one_stdout(outputs, as_json=as_json)
    options = Options(
        images=images,
        negative_prompt=negative_prompt,
        seed=seed,
        steps=steps,
        guidance_scale=guidance_scale,
        size=None if size is None else (size.width, size.height),
        sampler=sampler,
        schedule=schedule,
        **source_options(image, mask, strength),
    )
    make_folders(outputs)
    with told():
        drawn = draw(place, prompt, options, encoding_to_ask(outputs, images), wants_preview=preview)
        files = write(drawn.generation, outputs, sys.stdout.buffer)
        if as_json:
            click.echo(record(drawn, list(files)))
        else:
            for file in files:
                click.echo(file)
    for warning in cut_off(drawn.generation):
        click.echo(warning, err=True)
    if not as_json:
        click.echo(summary(drawn), err=True)
