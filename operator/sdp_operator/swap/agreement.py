"""Whether the models of a pipeline fit together: what one gives, the next must take."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sdp_serving.contract.components import Component
from sdp_serving.contract.report import Pulled


@dataclass(frozen=True)
class Models:
    """What is known of the models of a component.

    Attributes:
        serving: the one that answers; None while that is not known.
        candidate: the one that is to follow; None where there is none, or nothing is known of it.
        is_changing: whether there is one that is to follow.
        is_proven: whether that could take over at any moment.
    """

    serving: Pulled | None = None
    candidate: Pulled | None = None
    is_changing: bool = False
    is_proven: bool = False


@dataclass(frozen=True)
class _Measure:
    """Something in which components must be alike.

    Attributes:
        of: it, of a model; None where nothing tells.
        unit: how it is said.
        components: which, in the order in which they are told of.
    """

    of: Callable[[Pulled], int | None]
    unit: str
    components: tuple[Component, ...]


_MEASURES: Final = (
    _Measure(
        lambda model: model.width,
        "a context {} wide",
        (Component.TEXT_ENCODER, Component.DIFFUSION_MODEL),
    ),
    _Measure(
        lambda model: model.image_size,
        "images of {} pixels",
        (Component.DIFFUSION_MODEL, Component.DECODER, Component.IMAGE_ENCODER),
    ),
)


def disagreement(component: Component, model: Pulled, others: Mapping[Component, Pulled | None]) -> str | None:
    """What of the other components does not fit to this model, and what to do; None when all does."""
    return next(_differences(component, model, others), None)


def _differences(component: Component, model: Pulled, others: Mapping[Component, Pulled | None]) -> Iterator[str]:
    for measure in _MEASURES:
        mine = measure.of(model)
        for other in measure.components:
            found = None if other is component else others.get(other)
            theirs = None if found is None else measure.of(found)
            if component in measure.components and None not in (mine, theirs) and mine != theirs:
                yield (
                    f"the model of {component.field} is made for {measure.unit.format(mine)}, and that of"
                    f" {other.field} for {measure.unit.format(theirs)}: change both to models that belong together, or"
                    f" set {component.field} back"
                )
