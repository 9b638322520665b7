"""The commands to train sd-tiny anew and to see what it can do."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from sdp_exporter.models import tiny

# TensorFlow is loaded by the commands that use it, so that --help answers at once.

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def main() -> None:
    """Train sd-tiny, a small Stable Diffusion of coloured shapes, and see what it can do."""


@main.command()
@click.option("--output", type=_FOLDER, required=True, help="Where to write the weights; stages found there are kept.")
def train(output: Path) -> None:
    """Train all parts, in half an hour on two idle cores."""
    from sdp_exporter.train_tiny.progress import Progress
    from sdp_exporter.train_tiny.stages import train_all

    with Progress() as progress:
        train_all(output, progress)
    click.echo(f"The weights are in {output}.", err=True)


@main.command()
@click.option("--weights", type=_FOLDER, default=tiny.WEIGHTS, show_default="those of this package", help="Where from.")
def accuracy(weights: Path) -> None:
    """Print how often pictures show what a hundred prompts asked for."""
    from sdp_exporter.train_tiny.accuracy import accuracies

    table = Table("models", "background", "colour", "shape", "size", "all", "striped")
    for name, found in accuracies(weights).items():
        parts = (found.background, found.colour, found.shape, found.size, found.all, found.striped)
        table.add_row(name, *(f"{part:.0%}" for part in parts))
    Console().print(table)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--weights", type=_FOLDER, default=tiny.WEIGHTS, show_default="those of this package", help="Where from.")
def contact_sheet(file: Path, weights: Path) -> None:
    """Draw the same prompts with all models into FILE, a PNG."""
    from sdp_exporter.train_tiny.contact_sheet import contact_sheet

    contact_sheet(weights).save(file, optimize=True)


if __name__ == "__main__":
    main(prog_name="python -m sdp_exporter.train_tiny")
