"""What was drawn, in OpenAI's form. Pure."""

import base64
from collections.abc import Callable, Iterator
from typing import Literal

from sdp_serving.gateway.drawing import Preview
from sdp_serving.gateway.openai.answers import Completed, PartialImage, Picture, Pictures
from sdp_serving.gateway.openai.requests import GenerationRequest
from sdp_serving.gateway.studio import Drawn, Finished

Kind = Literal["image_generation", "image_edit"]
"""What the names of events begin with."""


def answer(asked: GenerationRequest, drawn: Drawn, created: int, url: Callable[[bytes], str]) -> Pictures:
    """The answer that is no stream.

    Args:
        asked: the request.
        drawn: its pictures.
        created: seconds since the epoch.
        url: keeps a file, and gives the URL where it is.
    """
    is_url = asked.response_format == "url"

    def picture(one: Finished) -> Picture:
        where = {"url": url(one.file)} if is_url else {"b64_json": _base64(one.file)}
        return Picture(**where, seed=one.receipt.seed, receipt=one.receipt)

    return Pictures(
        created=created,
        output_format=asked.output_format,
        size=_size(drawn.pictures[0]),
        data=[picture(one) for one in drawn.pictures],
        tokens_cut_off=drawn.tokens_cut_off,
        negative_tokens_cut_off=drawn.negative_tokens_cut_off,
    )


def completed(kind: Kind, asked: GenerationRequest, drawn: Drawn, created: int) -> Iterator[Completed]:
    """Yields the event of each picture."""
    for index, one in enumerate(drawn.pictures):
        yield Completed(
            type=f"{kind}.completed",
            b64_json=_base64(one.file),
            created_at=created,
            size=_size(one),
            output_format=asked.output_format,
            image_index=index,
            seed=one.receipt.seed,
            receipt=one.receipt,
            tokens_cut_off=drawn.tokens_cut_off,
            negative_tokens_cut_off=drawn.negative_tokens_cut_off,
        )


def partial(kind: Kind, preview: Preview, first: int, number: int, created: int) -> Iterator[PartialImage]:
    """Yields the event of each picture of a preview.

    Args:
        kind: of request.
        preview: some pictures on their way.
        first: the number of the first of them.
        number: which preview of them it is.
        created: seconds since the epoch.
    """
    for index, file in enumerate(preview.files, start=first):
        yield PartialImage(
            type=f"{kind}.partial_image",
            b64_json=_base64(file),
            created_at=created,
            size=str(preview.size),
            output_format="jpeg",
            image_index=index,
            partial_image_index=number,
            step=preview.step,
            steps=preview.steps,
        )


def _base64(file: bytes) -> str:
    return base64.b64encode(file).decode()


def _size(one: Finished) -> str:
    return f"{one.receipt.width}x{one.receipt.height}"
