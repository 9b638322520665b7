"""All children of a pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.deployment import deployment
from sdp_operator.desired.puller import refusal
from sdp_operator.desired.service import service
from sdp_operator.desired.source import declared_source
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component


@dataclass(frozen=True)
class Children:
    """What a component should have."""

    deployment: KubeObject
    service: KubeObject


@dataclass(frozen=True)
class Forbidden:
    """The operator's settings forbid what the component asks for, so what it has stays as it is."""

    message: str


def desired(pipeline: Pipeline, settings: Settings) -> Mapping[Component, Children | Forbidden]:
    """The children of every component that the pipeline asks for."""
    wanted: dict[Component, Children | Forbidden] = {}
    for component, spec in pipeline.spec.components.items():
        message = None if spec.uri is None else refusal(spec.uri, settings)
        if message is not None:
            wanted[component] = Forbidden(message)
        elif (source := declared_source(spec)) is not None:
            wanted[component] = Children(
                deployment(pipeline, component, spec, source, settings), service(pipeline, component)
            )
    return wanted
