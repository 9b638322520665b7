"""Writes pictures to where they are wanted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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
        click.ClickException: when one can't be written.
    """
    for output in outputs:
        match output:
            case Stdout():
                with _told("the standard output"):
                    stdout.write(together(generation, Encoding.PNG))
                    stdout.flush()
            case Together(path, encoding):
                yield _written(path, together(generation, encoding))
            case Each(encoding=encoding):
                for index, seed in enumerate(_seeds(generation)):
                    yield _written(output.path(seed), generation.file(index, encoding))
            case Folder():
                for index, seed in enumerate(_seeds(generation)):
                    names = output.names(generation.receipt.prompt, seed)
                    yield _written_anew(names, generation.file(index))


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


def _written(path: Path, content: bytes) -> Path:
    with _told(path):
        path.write_bytes(content)
    return path


def _written_anew(names: Iterator[Path], content: bytes) -> Path:
    for path in names:
        with _told(path), suppress(FileExistsError), path.open("xb") as file:
            file.write(content)
            return path
    raise AssertionError("there are names without end")


@contextmanager
def _told(target: Path | str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # Whoever read it has seen enough: click ends without a word.
    except OSError as error:
        raise click.ClickException(
            f"{target} cannot be written ({error.strerror}): choose another --output."
        ) from error
