"""What the operator tells the gateways of a pipeline: its models, and which of them take a part of the requests.

The operator writes `Routes` into a ConfigMap that the gateway reads, and each canary into the pipeline's status too,
which the client reads.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sdp_serving.contract.components import Component

ROUTES_FILE: Final = "routes.json"
"""The ConfigMap's key, and the file's name in the pod."""

VARIANT_HEADER: Final = "X-Sdpipeline-Variant"
"""By it a request to the gateway chooses its variant, and an answer says which it came from."""


class Variant(StrEnum):
    """One of two models of a component."""

    STABLE = "stable"
    """The one that answers requests which name no version."""
    CANARY = "canary"


class Canary(BaseModel):
    """A model that takes a part of the requests.

    Either of `version` and `host` says where it is.

    Attributes:
        version: its version in the model servers of the other one; None where it has a server of its own.
        host: that server's, which serves nothing else; None where there is none.
        percent: how many of a hundred requests it takes.
        model: its URI.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Annotated[int, Field(gt=0)] | None = None
    host: str | None = None
    percent: Annotated[int, Field(ge=0, le=100)]
    model: str

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if (self.version is None) == (self.host is None):
            raise ValueError("a canary has either a version or a host")
        return self


class RoutedModel(BaseModel):
    """A model that may answer requests.

    Attributes:
        uri: where it was pulled from, with its version where that is known; or the image that holds it.
        version: the exported version; None where that is not known, as of an image.
        digest: of the weights and all that the export depended on; None where that is not known.
        number: its version in TensorFlow Serving, by which an answer tells that this model gave it (`model_spec`); None
            where that is not known, as of an image.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    uri: str
    version: int | None = None
    digest: str | None = None
    number: int | None = None


class RoutedSwap(BaseModel):
    """A swap that is under way, or was undone.

    Attributes:
        step: how far it is, in one word: Verifying, Fetching, Loading, Proving, Proven, Waiting, Switching or Rolling;
            RolledBack, for as long as a model is asked for that was found bad. A newer operator may have others.
        candidate: the URI, or the image, of the model that is to take over or was found bad.
        strategy: InPlace, Surge or Drain; None until it is chosen.
        message: why it waits or was undone, and what to do; None where it goes on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    step: str
    candidate: str
    strategy: str | None = None
    message: str | None = None


class RoutedComponent(BaseModel):
    """The models of one component.

    Attributes:
        serving: the one that answers requests; until a swap has ended, the one before it. None while that is not known.
        others: those that answer some requests beside it: the one that takes over, a canary.
        swap: the swap that is under way; None where none is.
        replicas: how many model servers there are to be, each of which can work at the same time as the others; None
            where that is not known.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    serving: RoutedModel | None = None
    others: tuple[RoutedModel, ...] = ()
    swap: RoutedSwap | None = None
    replicas: int | None = None

    def answered(self, number: int | None) -> RoutedModel | None:
        """The model that gave an answer; None where that can't be told.

        Args:
            number: the version in TensorFlow Serving that the answer names; None where it names none.
        """
        models = () if self.serving is None else (self.serving, *self.others)
        known = next((model for model in models if number is not None and model.number == number), None)
        if known is not None:
            return known
        # Of a single model that has no number here, any answer comes.
        is_only = len(models) == 1 and self.swap is None
        return self.serving if is_only and self.serving is not None and self.serving.number is None else None


class Routes(BaseModel):
    """The content of ROUTES_FILE.

    Attributes:
        pipeline: the pipeline's name; empty where an older operator wrote this.
        namespace: the pipeline's namespace; as `pipeline`.
        components: what is known of the models of each component.
        canaries: by the component that they stand beside.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    pipeline: str = ""
    namespace: str = ""
    components: Mapping[Component, RoutedComponent] = Field(default_factory=dict)
    canaries: Mapping[Component, Canary] = Field(default_factory=dict)


def choose(canary: Canary | None, asked: Variant | None, draw: Callable[[], float]) -> Variant:
    """Who answers a request that names no version.

    Args:
        canary: the component's; without one, all is stable.
        asked: what the request itself asks for.
        draw: gives a number from 0 up to 1, evenly spread.
    """
    if canary is None:
        return Variant.STABLE
    if asked is not None:
        return asked
    return Variant.CANARY if draw() * 100 < canary.percent else Variant.STABLE
