"""What it takes to make pictures again."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant
from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.generation.request import Source

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class ModelReceipt(BaseModel):
    """The model of one component.

    Attributes:
        version: in its model server.
        uri: where it was brought from; None where nobody told.
        digest: of its weights and all that its export depended on: models with the same one are the same. None where
            nobody told.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    uri: str | None = None
    digest: str | None = None


class SourceReceipt(BaseModel):
    """The picture that was started from.

    Attributes:
        image: digest of its pixels.
        mask: digest of the mask; None where there was none.
        strength: the share of the steps that were taken.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    image: Digest
    mask: Digest | None = None
    strength: float


class Receipt(BaseModel):
    """What one request, or one picture of it, was made from.

    Attributes:
        format: of this receipt.
        prompt: as given.
        negative_prompt: as given; empty for none.
        images: how many pictures this is about.
        seed: of the first; picture k has `seed + k`. None where the model takes none, and its pictures can't be made
            again.
        steps: denoising steps.
        guidance_scale: given or chosen; None where the model takes none.
        sampler: given or the model's own.
        schedule: given or the model's own.
        width: in pixels.
        height: in pixels.
        source: None where the pictures were drawn from noise alone.
        variant: of the diffusion model.
        models: of the components that took part.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1] = 1
    prompt: str
    negative_prompt: str = ""
    images: Annotated[int, Field(gt=0)] = 1
    seed: Annotated[int, Field(ge=0)] | None
    steps: int
    guidance_scale: float | None
    sampler: Sampler
    schedule: Schedule
    width: int
    height: int
    source: SourceReceipt | None = None
    variant: Variant = Variant.STABLE
    models: Mapping[Component, ModelReceipt]

    def of_picture(self, index: int) -> Self:
        """That of picture `index` alone."""
        return self.model_copy(update={"images": 1, "seed": None if self.seed is None else self.seed + index})


def source_receipt(source: Source) -> SourceReceipt:
    """What a receipt says of the picture that was started from."""
    mask = None if source.mask is None else digest_of(source.mask)
    return SourceReceipt(image=digest_of(source.image), mask=mask, strength=source.strength)


def digest_of(pixels: NDArray[np.uint8]) -> str:
    """The digest of a picture: of its shape and pixels, and so the same in every file format without loss."""
    shape = "x".join(map(str, pixels.shape))
    return f"sha256:{hashlib.sha256(shape.encode() + b' ' + np.ascontiguousarray(pixels).tobytes()).hexdigest()}"
