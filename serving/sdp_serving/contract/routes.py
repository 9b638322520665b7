"""Canaries: models that take a part of the requests beside the one that answers the others.

The operator writes `Routes` into a ConfigMap that the gateway reads, and each canary into the pipeline's status, which
the client reads.
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


class Routes(BaseModel):
    """The content of ROUTES_FILE.

    Attributes:
        canaries: by the component that they stand beside.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

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
