"""What the puller tells the operator: one JSON object as the container's termination message."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes


class PullFailure(StrEnum):
    """Why a model could not be brought in. The values are reasons of conditions."""

    MODEL_NOT_FOUND = "ModelNotFound"
    MODEL_INCOMPLETE = "ModelIncomplete"
    WRONG_COMPONENT = "WrongComponent"
    WRONG_STABLE_DIFFUSION = "WrongStableDiffusion"
    """It is a model for another version of Stable Diffusion, or another size of image, than the pipeline's."""
    CORRUPT = "ModelCorrupt"
    ACCESS_DENIED = "AccessDenied"
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    UNUSABLE_URI = "UnusableURI"
    NEWER_TENSORFLOW = "NewerTensorFlow"
    """It was exported with a TensorFlow that is newer than the model server's."""
    NOT_BATCHABLE = "NotBatchable"
    """Batching is on, and every signature of the model takes single numbers."""
    DISK_FULL = "DiskFull"
    LOAD_FAILED = "LoadFailed"
    """The model server can't load it."""
    GOLDEN_REQUEST_FAILED = "GoldenRequestFailed"
    """It is loaded, and answers a known request with an error or with nonsense."""

    @property
    def may_pass(self) -> bool:
        """Whether it may end by itself, or by what somebody mends outside of the model."""
        return self in _MAY_PASS


_MAY_PASS: Final = frozenset(
    {
        PullFailure.MODEL_NOT_FOUND,
        PullFailure.MODEL_INCOMPLETE,
        PullFailure.ACCESS_DENIED,
        PullFailure.STORAGE_UNAVAILABLE,
        PullFailure.DISK_FULL,
    }
)


class Pulled(BaseModel):
    """The model lies beside the server."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    outcome: Literal["pulled"] = "pulled"
    component: Component
    uri: str
    version: int
    source_digest: str
    weights: str
    width: int | None
    """Size of a token's context vector; None where nothing says."""
    image_size: int | None = None
    """Pixels along one side of an image, where a request does not say it; None where nothing says."""
    image_sizes: ImageSizes | None = None
    """What a request may say instead; None for `image_size` only."""
    sd_version: str
    size_bytes: int
    seconds: float
    tensorflow: str | None = None
    """The TensorFlow that exported it; None where nothing says."""


class NotPulled(BaseModel):
    """It does not; `message` says in one sentence what is wrong and what to do."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    outcome: Literal["failed"] = "failed"
    reason: PullFailure
    message: str


PullReport = Annotated[Pulled | NotPulled, Field(discriminator="outcome")]

_ADAPTER: TypeAdapter[Pulled | NotPulled] = TypeAdapter(PullReport)


def read_report(text: str) -> Pulled | NotPulled | None:
    """The report in a termination message; None when it holds none, as when the container was killed."""
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError:
        return None
