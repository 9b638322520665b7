"""Whether the models of a pipeline fit together: what one gives, the next must take."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes
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


_Value = TypeVar("_Value", int, ImageSizes)


@dataclass(frozen=True)
class _Measure(Generic[_Value]):
    """Something in which components must be alike.

    Attributes:
        of: it, of a model; None where nothing tells.
        alike: whether two go together.
        unit: how it is said.
        components: which, in the order in which they are told of.
    """

    of: Callable[[Pulled], _Value | None]
    alike: Callable[[_Value, _Value], bool]
    unit: str
    components: tuple[Component, ...]

    def misfit(self, one: Pulled, other: Pulled) -> tuple[str, str] | None:
        """What each of two models is made for, where that does not go together."""
        first, second = self.of(one), self.of(other)
        if first is None or second is None or self.alike(first, second):
            return None
        return self.unit.format(first), self.unit.format(second)


def _image_sizes(model: Pulled) -> ImageSizes | None:
    """What it takes or gives; of a diffusion model, what it draws unless a request says another size."""
    if model.image_size is None:
        return None
    several = None if model.component is Component.DIFFUSION_MODEL else model.image_sizes
    return several or ImageSizes.only(model.image_size)


_MEASURES: Final[tuple[_Measure[int] | _Measure[ImageSizes], ...]] = (
    _Measure(
        lambda model: model.width,
        int.__eq__,
        "a context {} wide",
        (Component.TEXT_ENCODER, Component.DIFFUSION_MODEL),
    ),
    _Measure(
        _image_sizes,
        ImageSizes.meet,
        "images of {} pixels",
        (Component.DIFFUSION_MODEL, Component.DECODER, Component.IMAGE_ENCODER),
    ),
)


def disagreement(component: Component, model: Pulled, others: Mapping[Component, Pulled | None]) -> str | None:
    """What of the other components does not fit to this model, and what to do; None when all does."""
    return next(_differences(component, model, others), None)


def _differences(component: Component, model: Pulled, others: Mapping[Component, Pulled | None]) -> Iterator[str]:
    for measure in _MEASURES:
        if component not in measure.components:
            continue
        for other in measure.components:
            found = None if other is component else others.get(other)
            misfit = None if found is None else measure.misfit(model, found)
            if misfit is not None:
                mine, theirs = misfit
                yield (
                    f"the model of {component.field} is made for {mine}, and that of {other.field} for {theirs}:"
                    f" change both to models that belong together, or set {component.field} back"
                )
