"""What a client asks for: OpenAI's fields, and those of Stable Diffusion beside them.

OpenAI's are those of https://platform.openai.com/docs/api-reference/images. A field that is null is one that is left
out, as there.
"""

import re
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from sdp_serving.contract.image_sizes import SIZE_STEP
from sdp_serving.contract.sampling import MOST_STEPS, Sampler, Schedule
from sdp_serving.generation.request import MOST_PIXELS

MOST_PICTURES: Final = 10
MOST_PREVIEWS: Final = 8
MOST_CHARACTERS: Final = 32_000
"""Of a prompt: OpenAI's limit. CLIP reads far less."""
LARGEST_SEED: Final = 2**53 - 1
"""The largest integer that every JSON parser keeps."""

_AUTO: Final = "auto"
_SIZE: Final = re.compile(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})", re.ASCII)

OutputFormat = Literal["png", "jpeg", "webp"]


class Size(NamedTuple):
    """Of a picture, in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        """As OpenAI writes it."""
        return f"{self.width}x{self.height}"


def _readable(text: str) -> str:
    if "\0" in text:
        raise ValueError("it has a null byte: leave it out")
    return text


def _saying_something(prompt: str) -> str:
    if not prompt.strip():
        raise ValueError("it says nothing: describe what the picture should show")
    return prompt


def _drawable(text: str) -> str:
    read_size(text)
    return text


def read_size(text: str) -> Size | None:
    """The size that `WIDTHxHEIGHT` says; None for `auto`.

    Raises:
        ValueError: it is neither, or no multiple of 64.
    """
    if text == _AUTO:
        return None
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("write WIDTHxHEIGHT in pixels, such as 512x512, or auto")
    size = Size(int(match[1]), int(match[2]))
    if size.width % SIZE_STEP or size.height % SIZE_STEP:
        raise ValueError(f"width and height must be multiples of {SIZE_STEP}, such as 512x512")
    if max(size) > MOST_PIXELS:
        raise ValueError(f"width and height must be at most {MOST_PIXELS}, such as 512x512")
    return size


_Prompt = Annotated[
    str,
    Field(max_length=MOST_CHARACTERS, json_schema_extra={"minLength": 1}),
    AfterValidator(_readable),
    AfterValidator(_saying_something),
]
_NegativePrompt = Annotated[str, Field(max_length=MOST_CHARACTERS), AfterValidator(_readable)]
_Ignored = Annotated[str, Field(max_length=1000)]


class GenerationRequest(BaseModel):
    """The body of `POST /v1/images/generations`."""

    # What was sent is in no error: it may be a prompt, and errors may come into the log.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    prompt: _Prompt
    model: str | None = None
    n: Annotated[int, Field(ge=1, le=MOST_PICTURES)] = 1
    size: Annotated[str, AfterValidator(_drawable)] = _AUTO
    output_format: OutputFormat = "png"
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    """The quality of a JPEG or WebP file, in percent."""
    response_format: Literal["b64_json", "url"] = "b64_json"
    stream: bool = False
    partial_images: Annotated[int, Field(ge=0, le=MOST_PREVIEWS)] = 0
    background: Literal["auto", "opaque"] = "auto"
    quality: _Ignored | None = None
    """Accepted, without effect, as are the next four."""
    style: _Ignored | None = None
    moderation: _Ignored | None = None
    user: _Ignored | None = None
    safety_identifier: _Ignored | None = None

    negative_prompt: _NegativePrompt = ""
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] | None = None
    """Of the first picture; those after it have the next ones."""
    steps: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None
    guidance_scale: Annotated[float, Field(ge=0, le=100)] | None = None
    sampler: Sampler | None = None
    schedule: Schedule | None = None

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        return {name: value for name, value in fields.items() if value is not None}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.partial_images and not self.stream:
            raise ValueError("partial_images come only in a stream: set stream to true, or leave partial_images out")
        if self.stream and self.response_format == "url":
            raise ValueError("a stream has pictures only as b64_json: leave response_format out, or stream")
        if self.output_compression is not None and self.output_format == "png":
            raise ValueError("output_compression is for jpeg and webp: choose one of them as output_format")
        return self


class EditRequest(GenerationRequest):
    """The fields of `POST /v1/images/edits` that are no files."""

    strength: Annotated[float, Field(gt=0, le=1)] | None = None
    """How much of the picture may change."""
    input_fidelity: _Ignored | None = None
    """Accepted, without effect."""
