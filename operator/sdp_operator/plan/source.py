"""Which model a component is to serve."""

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.export_job import exported_uri
from sdp_operator.desired.puller import pullers
from sdp_operator.desired.source import Baked, Pulled, Rollout, Source, declared_source
from sdp_operator.settings import Settings
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component


def asked_source(pipeline: Pipeline, component: Component) -> Source | None:
    """The model that the spec asks for; None for a component that is left out or runs elsewhere."""
    spec = pipeline.spec.components.get(component)
    if spec is None or spec.from_ is not None:
        return None
    if spec.weights is not None:
        return Pulled(exported_uri(pipeline, component, spec.weights))
    return declared_source(spec)


def uri_of(source: Source) -> ModelUri | None:
    """Where it lies; None for an image."""
    return None if isinstance(source, Baked) else source.uri


def demands(pipeline: Pipeline, component: Component, settings: Settings) -> list[str]:
    """The puller's arguments, which say what the model must be."""
    spec, source = pipeline.spec.components[component], asked_source(pipeline, component)
    if source is None:
        return []
    containers = pullers(pipeline, component, spec, Rollout("plan", source, "Surge"), settings)
    args: list[str] = containers[0]["args"] if containers else []
    return args
