"""What serves now and what is under way, for the page."""

from collections.abc import Mapping

from pydantic import BaseModel

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import RoutedModel, RoutedSwap, Routes
from sdp_serving.gateway.readiness import Report, ServerState

NAMELESS = "stable-diffusion"
"""The pipeline's name where no operator tells it."""


class QueueState(BaseModel):
    """The queue.

    Attributes:
        waiting: requests that wait to be drawn, or a part of which does.
        running: orders that are drawn now.
        length: how many may wait.
    """

    waiting: int
    running: int
    length: int


class CanaryState(BaseModel):
    """A model that takes a part of the requests: its URI, and how many of a hundred it takes."""

    model: str
    percent: int


class ComponentState(BaseModel):
    """One component.

    Attributes:
        ready: whether it can answer.
        reason: why it can't.
        version: of the model, in its server.
        model: what the operator tells of it.
        canary: the model beside it.
        swap: the model that is to follow it.
    """

    ready: bool
    reason: str | None
    version: int | None
    model: RoutedModel | None
    canary: CanaryState | None
    swap: RoutedSwap | None


class State(BaseModel):
    """The answer to `GET /api/state`.

    Attributes:
        pipeline: its name.
        ready: whether all components are.
        edits: whether pictures can start from pictures.
        queue: the requests for pictures.
        components: all that this gateway leads to.
    """

    pipeline: str
    ready: bool
    edits: bool
    queue: QueueState
    components: Mapping[Component, ComponentState]


def pipeline_name(routes: Routes) -> str:
    """The pipeline's name."""
    return routes.pipeline or NAMELESS


def state(routes: Routes, report: Report, queue: QueueState) -> State:
    """All of it.

    Args:
        routes: what the operator tells.
        report: what the model servers say.
        queue: the requests for pictures.
    """
    return State(
        pipeline=pipeline_name(routes),
        ready=all(server.is_ready for server in report.values()),
        edits=Component.IMAGE_ENCODER in report,
        queue=queue,
        components={component: _component(component, routes, server) for component, server in report.items()},
    )


def _component(component: Component, routes: Routes, server: ServerState) -> ComponentState:
    told, canary = routes.components.get(component), routes.canaries.get(component)
    return ComponentState(
        ready=server.is_ready,
        reason=server.reason,
        version=server.version,
        model=None if told is None else told.serving,
        canary=None if canary is None else CanaryState(model=canary.model, percent=canary.percent),
        swap=None if told is None else told.swap,
    )
