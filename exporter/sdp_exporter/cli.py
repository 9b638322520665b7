"""The command `sdpipeline export`, which `python -m sdp_exporter` is too."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args

import click
from rich.console import Console

from sdp_exporter import terminal
from sdp_exporter.config import ConfigError, Model, parse_config, read_requests, require_writable
from sdp_exporter.errors import ExportError
from sdp_exporter.export import Exported, Observer, Request, export, look_up
from sdp_exporter.log_lines import LogObserver
from sdp_exporter.progress import TerminalObserver
from sdp_exporter.scratch import scratch_folder
from sdp_exporter.sources import tiny
from sdp_exporter.tables import forecast, summary
from sdp_serving.contract.artifact import Precision
from sdp_serving.contract.components import Component

_MAY_PASS: Final = 1
_USER_MUST_ACT: Final = 2
"""Exit codes of failures. This one is click's own for bad arguments, so that a Job need not try any of them again."""


@click.command("export", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("model", metavar="MODEL", type=click.Choice(get_args(Model)), required=False)
@click.option("--to", metavar="URI", help="Where the models go, such as gs://bucket/sd-tiny or file:///folder.")
@click.option(
    "--weights",
    metavar="WEIGHTS",
    help="A file or a folder, by its path, gs:// or https:// URI: KerasCV's .h5, .weights.h5 or .keras, a .safetensors,"
    " or a folder as diffusers writes it. Or `pretrained` (1.4 and 2.1), which KerasCV has, or `random`, to try things"
    " out."
    f" For sd-tiny: {', '.join(tiny.VARIANTS)}.  [default: pretrained; for sd-tiny base]",
)
@click.option(
    "--component",
    type=click.Choice([component.value for component in Component]),
    multiple=True,
    help="May be repeated.  [default: every component that has such weights]",
)
@click.option(
    "--lora",
    metavar="FILE[:SCALE]",
    multiple=True,
    help="A LoRA as .safetensors, by its path, gs:// or https:// URI, merged into text encoder and diffusion model at a"
    " scale of 1 or another. May be repeated.",
)
@click.option(
    "--embedding",
    metavar="WORD=FILE",
    multiple=True,
    help="A textual inversion as .safetensors, by its path, gs:// or https:// URI, and the word of a prompt that is to"
    " mean it, such as sks; WORD,WORD for one of two rows. May be repeated.",
)
@click.option("--image-size", type=int, help="Pixels along one side of a picture.  [default: 512]")
@click.option(
    "--image-sizes",
    metavar="SMALLEST-LARGEST",
    help="Heights and widths that requests may ask for, such as 256-768.  [default: --image-size only]",
)
@click.option(
    "--prediction",
    type=click.Choice(["epsilon", "v"]),
    help="What the diffusion model predicts: v for the 768-pixel models of 2.0 and 2.1.  [default: as the scheduler"
    " beside the weights says, without one epsilon]",
)
@click.option(
    "--guidance",
    type=click.Choice(["separate", "batched"]),
    help="How the UNet is called with and without the prompt: two calls, the faster on CPUs, or one of twice the"
    " batch.  [default: separate]",
)
@click.option(
    "--precision",
    type=click.Choice(get_args(Precision)),
    help="What the models compute with; mixed keeps weights of float32. bfloat16 is the fastest on CPUs that have it"
    " (avx512_bf16, amx_bf16).  [default: float32]",
)
@click.option(
    "--jit-compile",
    is_flag=True,
    default=None,
    help="Let XLA compile the UNet, anew for each number of pictures and size that is asked for.",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML file with fields named as these options and `model`, instead of them; each document is an export.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would be exported and what is there already; fetch the weights to check them, and change nothing.",
)
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

    MODEL is a version of Stable Diffusion as KerasCV defines it (1.4, 1.5, 2.0, 2.1), or sd-tiny, the small one that
    comes with this project. Its text encoder, diffusion model (the UNet with the whole sampling loop, in TensorFlow),
    decoder and image encoder each become a version at URI/COMPONENT, such as gs://bucket/sd/decoder/1767268800000,
    unless the newest version there is the same model already. A version appears whole or not at all. An upload to a
    bucket that was interrupted goes on where it was when the export is run again.

    \b
      sdpipeline export 1.4 --to gs://bucket/sd
      sdpipeline export 1.5 --weights my-unet.h5 --component diffusion-model --to gs://bucket/mine
      sdpipeline export --config export.yaml --dry-run

    On a terminal, standard error shows a bar for each stage and a table at the end; elsewhere it is JSON, one line a
    stage. Standard output is the versions' URIs, one a line: what `model` of a pipeline's component takes.

    \b
    Exit codes:
      0  every model is there
      1  it failed in a way that may pass by itself, such as the network's: run it again
      2  it will fail again until you act: no such weights, a bad URI, a bucket that is missing or refuses access
    """
    if dry_run and result_file is not None:
        raise click.UsageError("--dry-run makes no models that --result-file could tell of: leave one of them out")
    try:
        with scratch_folder("sdpipeline-weights-") as downloads:
            requests = _requests(model, config, _given(options), downloads)
            if dry_run:
                terminal.console().print(forecast(look_up(requests)))
                return
            exported = _export(requests)
        if result_file is not None:
            _write(result_file, exported)
    except ExportError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_MAY_PASS if error.may_pass else _USER_MUST_ACT)
    for one in exported:
        click.echo(str(one.uri))


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value not in (None, ())}


def _requests(model: str | None, config: Path | None, options: dict[str, Any], downloads: Path) -> list[Request]:
    if config is not None:
        if model is not None or options:
            raise click.UsageError("give either --config or MODEL and its options: put the options into the file")
        try:
            return read_requests(config, downloads)
        except ConfigError as error:
            raise click.UsageError(error.text) from None
    if model is None:
        raise click.UsageError("Missing argument 'MODEL': give one such as sd-tiny, or --config")
    if "to" not in options:
        raise click.UsageError("Missing option '--to': give a folder such as gs://bucket/sd-tiny")
    try:
        asked = parse_config({"model": model, **options})
        asked.require_possible()
        require_writable([asked])
        return asked.requests(downloads)
    except ConfigError as error:
        raise click.BadParameter(error.text, param_hint=f"--{str(error.field).replace('_', '-')}") from None


def _export(requests: Sequence[Request]) -> list[Exported]:
    console = terminal.console(stderr=True)
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


def _now() -> datetime:
    return datetime.now(UTC)
