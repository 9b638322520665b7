"""`sdpipeline generate`."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from sdp_serving.client.connection import DEFAULT_TIMEOUT, Protocol, Route, connect
from sdp_serving.client.errors import PipelineError
from sdp_serving.client.pipeline import DEFAULT_STEPS, Generation, Stage
from sdp_serving.client.png import write_png

_AUTO: Final = "auto"


@click.command()
@click.argument("prompt")
@click.option("-n", "--images", type=click.IntRange(min=1), default=1, show_default=True, help="How many images.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("out.png"),
    show_default=True,
    help="The PNG to write: several images become one grid.",
)
@click.option(
    "--steps", type=click.IntRange(1, 1000), default=DEFAULT_STEPS, show_default=True, help="How many denoising steps."
)
@click.option(
    "--seed",
    type=click.IntRange(0, (1 << 63) - 1),
    help="Makes the same images again.  [default: random, and printed]",
)
@click.option(
    "--guidance-scale",
    type=click.FloatRange(min=0),
    help="How strongly the prompt leads.  [default: 7.5 for Stable Diffusion, 3 for sd-tiny]",
)
@click.option("--pipeline", help="The pipeline's name.  [default: the only one in the namespace]")
@click.option("--namespace", help="Its namespace.  [default: the kubeconfig's, or the pod's]")
@click.option("--context", help="The kubeconfig's context.  [default: the current one]")
@click.option(
    "--transport",
    type=click.Choice([protocol.value for protocol in Protocol]),
    default=Protocol.GRPC.value,
    show_default=True,
    help="How tensors travel.",
)
@click.option(
    "--route",
    type=click.Choice([_AUTO, *(route.value for route in Route)]),
    default=_AUTO,
    show_default=True,
    help="How to reach the Services: kubectl port-forward, or directly by their names. Auto is direct in a pod.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=DEFAULT_TIMEOUT,
    show_default=True,
    help="Seconds that each of the three requests may take; over REST the component's restTimeoutSeconds ends it too.",
)
def generate(
    prompt: str,
    images: int,
    output: Path,
    steps: int,
    seed: int | None,
    guidance_scale: float | None,
    pipeline: str | None,
    namespace: str | None,
    context: str | None,
    transport: str,
    route: str,
    timeout: float,
) -> None:
    """Make images of PROMPT.

    The PNG holds prompt, seed, steps, guidance scale and the models' versions as text, so that it can be made again.
    """
    if not output.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {output.parent}", param_hint="--output")
    start = time.monotonic()
    try:
        with _progress() as show:
            with connect(
                pipeline,
                namespace=namespace,
                context=context,
                protocol=Protocol(transport),
                route=None if route == _AUTO else Route(route),
                timeout=timeout,
            ) as connected:
                connecting = time.monotonic() - start
                generation = connected.generate(
                    prompt,
                    images=images,
                    steps=steps,
                    seed=seed,
                    guidance_scale=guidance_scale,
                    on_stage=lambda stage: show.say(_words(stage, steps)),
                )
            write_png(generation, output)
    except PipelineError as error:
        raise click.ClickException(f"{error}.") from error
    except OSError as error:
        raise click.ClickException(
            f"{output} cannot be written ({error.strerror}): choose another --output."
        ) from error
    click.echo(output)
    click.echo(summary(generation, connecting), err=True)


def summary(generation: Generation, connecting: float) -> str:
    """What made the images, and the seconds of each stage, in two lines."""
    stages = {"connecting": connecting, **{stage.value: seconds for stage, seconds in generation.seconds.items()}}
    return (
        f"seed {generation.seed}, {generation.steps} steps, guidance scale {generation.guidance_scale:g}\n"
        + ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in stages.items())
    )


def _words(stage: Stage, steps: int) -> str:
    return f"{stage}, {steps} steps" if stage is Stage.DENOISING else str(stage)


class _Line:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("connecting", total=None)

    def say(self, words: str) -> None:
        self._progress.update(self._task, description=words)


@contextmanager
def _progress() -> Iterator[_Line]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        yield _Line(progress)
