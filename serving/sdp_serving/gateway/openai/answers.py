"""What a client gets: OpenAI's fields, and our own beside them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from sdp_serving.gateway.openai.requests import OutputFormat
from sdp_serving.generation.receipt import Receipt


class Picture(BaseModel):
    """One picture of an answer: itself, or where it is.

    Attributes:
        b64_json: the file.
        url: where the file is for a while.
        seed: what its noise was drawn from.
        receipt: what it was made of.
    """

    b64_json: str | None = None
    url: str | None = None
    seed: int | None = None
    receipt: Receipt


class Pictures(BaseModel):
    """The answer to a request for pictures.

    Attributes:
        created: seconds since the epoch.
        size: such as `512x512`.
        tokens_cut_off: how many tokens at the end of the prompt said nothing, since CLIP does not read so far; left out
            where the text encoder does not tell.
        negative_tokens_cut_off: the same of the negative prompt.
    """

    created: int
    background: Literal["opaque"] = "opaque"
    output_format: OutputFormat
    quality: Literal["auto"] = "auto"
    size: str
    data: list[Picture]
    tokens_cut_off: int | None = None
    negative_tokens_cut_off: int | None = None


class TokenDetails(BaseModel):
    """OpenAI's; nothing is counted here."""

    text_tokens: int = 0
    image_tokens: int = 0


class Usage(BaseModel):
    """OpenAI's, which its clients expect; nothing is counted here."""

    input_tokens: int = 0
    input_tokens_details: TokenDetails = TokenDetails()
    output_tokens: int = 0
    total_tokens: int = 0


class _Event(BaseModel):
    b64_json: str
    created_at: int
    size: str
    quality: Literal["auto"] = "auto"
    background: Literal["opaque"] = "opaque"
    output_format: OutputFormat
    image_index: int


class PartialImage(_Event):
    """A picture as it is on its way.

    Attributes:
        partial_image_index: which preview of the picture it is.
        image_index: which picture it is of.
        step: how many steps are taken.
        steps: how many there are.
    """

    type: Literal["image_generation.partial_image", "image_edit.partial_image"]
    partial_image_index: int
    step: int
    steps: int


class Completed(_Event):
    """A picture that is finished; the fields are those of `Picture` and `Pictures`."""

    type: Literal["image_generation.completed", "image_edit.completed"]
    usage: Usage = Usage()
    seed: int | None = None
    receipt: Receipt
    tokens_cut_off: int | None = None
    negative_tokens_cut_off: int | None = None


class Model(BaseModel):
    """A pipeline, as OpenAI lists models.

    Attributes:
        created: seconds since the epoch; when this gateway started.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["sdpipeline"] = "sdpipeline"


class Models(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[Model]
