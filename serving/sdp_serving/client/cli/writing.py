"""Writes pictures to where they are wanted."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import click

from sdp_serving.client.cli.outputs import Each, Folder, Output, Stdout, Together
from sdp_serving.client.grid import grid
from sdp_serving.generation.decode import Encoding
from sdp_serving.generation.files import encoded
from sdp_serving.generation.generation import Generation


def encoding_to_ask(outputs: Sequence[Output], pictures: int) -> Encoding:
    """How the decoder is to send so many pictures, so that their files take the fewest bytes and the least work here.

    JPEG where all files are to be that; otherwise PNG, of which all others can be made without loss.
    """
    return Encoding.JPEG if {_encoding(output, pictures) for output in outputs} == {Encoding.JPEG} else Encoding.PNG


def write(generation: Generation, outputs: Sequence[Output], stdout: BinaryIO) -> Iterator[Path]:
    """Write all pictures to all outputs; yields each file once it is written.

    Raises:
        click.ClickException: when a file can't be written.
    """
    try:
        for output in outputs:
            yield from _write(generation, output, stdout)
    except OSError as error:
        if error.filename is None:
            raise  # Of the standard output: click ends without a word when its reader has gone.
        raise click.ClickException(
            f"{error.filename} cannot be written ({error.strerror}): choose another --output."
        ) from error


def _write(generation: Generation, output: Output, stdout: BinaryIO) -> Iterator[Path]:
    match output:
        case Stdout():
            stdout.write(together(generation, Encoding.PNG))
            stdout.flush()
        case Together(path, encoding):
            path.write_bytes(together(generation, encoding))
            yield path
        case Each(encoding=encoding):
            for index, seed in enumerate(_seeds(generation)):
                path = output.path(seed)
                path.write_bytes(generation.file(index, encoding))
                yield path
        case Folder():
            for index, seed in enumerate(_seeds(generation)):
                yield _write_new(output.names(generation.receipt.prompt, seed), generation.file(index))


def together(generation: Generation, encoding: Encoding) -> bytes:
    """All pictures as one file: the only one, or a grid."""
    if len(generation) == 1:
        return generation.file(0, encoding)
    return encoded(grid(generation.images), encoding, generation.receipt)


def _encoding(output: Output, pictures: int) -> Encoding:
    match output:
        case Each(encoding=encoding):
            return encoding
        case Together(encoding=encoding) if pictures == 1:
            return encoding
        case _:
            return Encoding.PNG


def _seeds(generation: Generation) -> range:
    # The pictures of a model that takes no seed are numbered.
    first = 1 if generation.seed is None else generation.seed
    return range(first, first + len(generation))


def _write_new(names: Iterator[Path], content: bytes) -> Path:
    for path in names:
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            continue
        return path
    raise AssertionError("there are names without end")
