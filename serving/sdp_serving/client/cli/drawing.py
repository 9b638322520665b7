"""Draws for a command: shows how far it is, and tells what goes wrong."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click
from rich.console import Console

from sdp_serving.client.cli.place import Place
from sdp_serving.client.cli.screen import Screen
from sdp_serving.client.cli.terminal import Graphics, NoPreviewError, graphics
from sdp_serving.client.cli.watcher import Watcher
from sdp_serving.client.grid import grid
from sdp_serving.client.options import Options, request_of
from sdp_serving.contract.routes import Variant
from sdp_serving.generation.decode import Encoding
from sdp_serving.generation.errors import InvalidRequestError, PipelineError
from sdp_serving.generation.generation import Generation


@dataclass(frozen=True)
class Drawn:
    """What came of a request.

    Attributes:
        generation: the pictures.
        seconds: what each stage took, by its name.
    """

    generation: Generation
    seconds: dict[str, float]


@contextmanager
def told() -> Iterator[None]:
    """Turns what may go wrong between a request and its pictures into the command's end.

    Raises:
        click.UsageError: nobody could draw what is asked for.
        click.ClickException: anything else.
    """
    try:
        yield
    except InvalidRequestError as error:
        raise click.UsageError(f"{error}.") from error
    except PipelineError as error:
        raise click.ClickException(f"{error}.") from error


def draw(
    place: Place,
    prompt: str,
    options: Options,
    encoding: Encoding,
    *,
    wants_preview: bool = False,
    variant: Variant | None = None,
) -> Drawn:
    """Draw.

    Args:
        place: which pipeline draws.
        prompt: of the pictures.
        options: what else is said of them.
        encoding: how the decoder is to send them.
        wants_preview: whether to show them meanwhile, where that is possible.
        variant: of the diffusion model; None for either.

    Raises:
        PipelineError: one of its kinds.
    """
    # Nothing is sent, not even to the cluster, for what no model could draw.
    request_of(prompt, options)
    console = Console(file=sys.stderr)
    start = time.monotonic()
    with Screen(console, _graphics(console) if wants_preview else None) as screen:
        screen.say("connecting")
        with place.connect(variant) as pipeline:
            connecting = time.monotonic() - start
            # It costs something to stop for progress that nobody sees.
            on_progress = Watcher(pipeline, screen) if console.is_terminal else None
            generation = pipeline.generate(prompt, on_progress=on_progress, encoding=encoding, **options)
        if screen.shows_pictures:
            screen.show(grid(generation.images))
    stages = {stage.value: seconds for stage, seconds in generation.seconds.items()}
    return Drawn(generation, {"connecting": connecting, **stages})


def _graphics(console: Console) -> Graphics | None:
    try:
        return graphics(os.environ, is_terminal=console.is_terminal)
    except NoPreviewError as error:
        click.echo(f"No preview: {error}.", err=True)
        return None
