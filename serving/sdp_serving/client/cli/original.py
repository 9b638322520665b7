"""A picture that is to be made again: its pixels, and what its receipt asks for."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdp_serving.client.grid import places
from sdp_serving.client.options import Options
from sdp_serving.generation.decode import Encoding
from sdp_serving.generation.errors import InvalidRequestError
from sdp_serving.generation.files import read_receipt
from sdp_serving.generation.receipt import Receipt, digest_of


@dataclass(frozen=True, eq=False)
class Original:
    """A picture, or a grid of several, with its receipt.

    Attributes:
        pixels: uint8 [height, width, 3], RGB.
        encoding: of its file.
        receipt: what it was made from.
    """

    pixels: NDArray[np.uint8]
    encoding: Encoding
    receipt: Receipt


def read_original(path: Path) -> Original:
    """The picture in a file.

    Raises:
        click.UsageError: when it is none that can be made again.
    """
    try:
        content = path.read_bytes()
        receipt = read_receipt(content)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read ({error.strerror}): give a picture that can.") from error
    except InvalidRequestError as error:
        raise click.UsageError(f"{path}: {error}.") from error
    if receipt.seed is None:
        raise click.UsageError(f"{path} was drawn by a model that takes no seed, and so can't be made again.")
    columns, rows = places(receipt.images)
    with _opened(content) as image:
        told, size = (columns * receipt.width, rows * receipt.height), image.size
        if size != told:
            raise click.UsageError(
                f"{path} is {size[0]}x{size[1]} pixels, and its receipt says {told[0]}x{told[1]}: give the picture as"
                " it was written."
            )
        try:
            return Original(np.asarray(image.convert("RGB")), Encoding((image.format or "").lower()), receipt)
        except (OSError, ValueError) as error:
            raise click.UsageError(f"{path} is damaged: give the whole picture.") from error


def pixels_of(file: bytes) -> NDArray[np.uint8]:
    """The pixels of a picture that was written here, uint8 [height, width, 3], RGB."""
    with _opened(file) as image:
        return np.asarray(image.convert("RGB"))


def options_of(receipt: Receipt, given: Options) -> Options:
    """What to ask for, to get the same.

    Args:
        receipt: of the picture.
        given: the picture that it was drawn over, and the mask, which a receipt knows by their digests only.

    Raises:
        click.UsageError: when these are others than then.
    """
    options = Options(
        images=receipt.images,
        negative_prompt=receipt.negative_prompt,
        seed=receipt.seed,
        steps=receipt.steps,
        guidance_scale=receipt.guidance_scale,
        size=(receipt.width, receipt.height),
        sampler=receipt.sampler,
        schedule=receipt.schedule,
    )
    source = receipt.source
    _require_same("image", None if source is None else source.image, given)
    _require_same("mask", None if source is None else source.mask, given)
    if source is not None:
        options |= given
        options["strength"] = source.strength
    return options


def _require_same(name: Literal["image", "mask"], digest: str | None, given: Options) -> None:
    picture = given.get(name)
    if digest is None and picture is not None:
        raise click.BadParameter(f"the picture was drawn without any {name}: leave it out.", param_hint=f"--{name}")
    if digest is not None and picture is None:
        raise click.UsageError(
            f"the receipt does not hold the {name} that the picture was drawn with: give it with --{name}."
        )
    if digest is not None and digest_of(np.asarray(picture)) != digest:
        raise click.BadParameter(f"this is not the {name} of then: give that one.", param_hint=f"--{name}")


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        # What is as large as its receipt says is meant to be.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(content), formats=[one.upper() for one in Encoding]) as image:
            yield image
