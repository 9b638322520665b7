"""All that a plan is computed from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.parts import Desired
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_operator.world import World
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import Pulled, PullFailure
from sdp_serving.contract.signatures import Signature


@dataclass(frozen=True)
class Known:
    """A model of which it is known what it is.

    Attributes:
        model: what it is.
        signatures: what it can be asked; None where nothing tells.
    """

    model: Pulled
    signatures: Mapping[str, Signature] | None = None


@dataclass(frozen=True)
class Unknown:
    """A model of which nothing is known from here.

    Attributes:
        why: why not.
        uri: where it lies; None where that is not known either.
    """

    why: str
    uri: str | None = None


@dataclass(frozen=True)
class Unfit:
    """A model that the puller would not bring in.

    Attributes:
        uri: where it lies.
        reason: why, in one word.
        message: why, in a sentence.
    """

    uri: str
    reason: PullFailure
    message: str


Looked: TypeAlias = Known | Unknown | Unfit
"""What came of looking at a model in storage."""


@dataclass(frozen=True)
class Sight:
    """What was seen of a pipeline that is to be changed.

    Attributes:
        live: the custom resource as it is; None when there is none.
        body: the custom resource as it would be.
        before: `live`, read; None when there is none, or when it can't be read.
        after: `body`, read.
        world: what was seen of the cluster.
        settings: the operator's; its defaults where these are not known.
        is_told_settings: whether they are known.
        wanted: the children that `after` should have.
        models: by component, the models that are asked for.
        running: by component, the models that answer now.
        canary: the model that is to take a part of the diffusion model's requests; None for none.
    """

    live: KubeObject | None
    body: KubeObject
    before: Pipeline | None
    after: Pipeline
    world: World
    settings: Settings
    is_told_settings: bool
    wanted: Desired
    models: Mapping[Component, Looked] = field(default_factory=dict)
    running: Mapping[Component, Looked] = field(default_factory=dict)
    canary: Looked | None = None
