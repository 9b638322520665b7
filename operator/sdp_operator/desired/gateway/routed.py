"""What the gateways are told of the pipeline's models: which serve, which are about to, and which take a part."""

from collections.abc import Mapping
from typing import Final

from sdp_operator.api.v1alpha1 import ComponentStatus, Pipeline, Serving
from sdp_operator.desired.identity import child_name
from sdp_operator.desired.parts import ComponentPart
from sdp_operator.live import LiveChildren
from sdp_operator.sharing import Shared
from sdp_operator.swap.look import wanted_replicas
from sdp_operator.swap.progress import Progress, Step
from sdp_operator.swap.state import KnownModel, SwapState
from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import RoutedComponent, RoutedModel, RoutedSwap, Routes

_ENDED: Final = frozenset({Step.DONE, Step.WATCHING})

_EXPLAINED: Final = frozenset({Step.WAITING, Step.ROLLED_BACK})
"""The steps whose message is told. The others say enough, and one that counts bytes would be written ever again."""


def routes(pipeline: Pipeline, components: Mapping[Component, ComponentPart], live: LiveChildren) -> Routes:
    """What the gateways are told.

    It changes only when a model does or a swap takes a step, for each change is written to the cluster.
    """
    return Routes(
        pipeline=pipeline.name,
        namespace=pipeline.namespace,
        components={component: _routed(pipeline, component, part, live) for component, part in components.items()},
        canaries={
            component: part.canary.served
            for component, part in components.items()
            if part.canary is not None and part.canary.served is not None
        },
    )


def _routed(pipeline: Pipeline, component: Component, part: ComponentPart, live: LiveChildren) -> RoutedComponent:
    if part.shared is not None:
        status = part.shared.status if isinstance(part.shared, Shared) else None
        return RoutedComponent() if status is None else _of_another_pipeline(status)
    spec = pipeline.spec.components[component]
    # What an autoscaler has not brought yet, it is about to: gateways are told once.
    scaled = wanted_replicas(spec, live.find("Deployment", child_name(pipeline, component)))
    replicas = max(scaled, spec.least_replicas)
    if part.models is None:
        return RoutedComponent(replicas=replicas)
    serving, *others = _models(part.models)
    return RoutedComponent(
        serving=serving, others=tuple(others), swap=_swap(part.models, part.progress), replicas=replicas
    )


def _models(state: SwapState) -> list[RoutedModel]:
    """The models that may answer; first the one that does until the swap has ended."""
    known: list[KnownModel] = [state.serving]
    if state.previous is not None and state.serving.settled is None:
        known = [state.previous, state.serving]
    if state.candidate is not None:
        known.append(state.candidate)
    numbers = {model.number for model in known}
    leaving = (KnownModel(number=one.number, source=one.uri) for one in state.retiring.values())
    return [_model(model) for model in (*known, *(one for one in leaving if one.number not in numbers))]


def _model(model: KnownModel) -> RoutedModel:
    found = model.found
    if found is None:
        return RoutedModel(uri=model.source, number=model.served_as)
    return RoutedModel(uri=found.uri, version=found.version, digest=found.source_digest, number=model.served_as)


def _swap(state: SwapState, progress: Progress | None) -> RoutedSwap | None:
    if progress is None or progress.step in _ENDED:
        return None
    rejected = state.rejected.source if state.rejected is not None else state.serving.source
    candidate = rejected if progress.step is Step.ROLLED_BACK else progress.candidate or state.serving.source
    told = progress.problem if progress.step in _EXPLAINED else None
    return RoutedSwap(
        step=progress.step,
        candidate=candidate,
        strategy=None if progress.choice is None else progress.choice.strategy,
        message=None if told is None else told.message,
    )


def _of_another_pipeline(status: ComponentStatus) -> RoutedComponent:
    swap = None if status.swap is None or status.swap.step in _ENDED else status.swap
    return RoutedComponent(
        serving=None if status.serving is None else _serving(status.serving),
        swap=swap and RoutedSwap(step=swap.step, candidate=swap.candidate or status.model, strategy=swap.strategy),
        replicas=status.replicas,
    )


def _serving(serving: Serving) -> RoutedModel:
    return RoutedModel(uri=serving.model, version=serving.version, digest=serving.digest, number=serving.number)
