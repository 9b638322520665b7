"""What became of a picture that was made again. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdp_serving.contract.components import Component
from sdp_serving.generation.receipt import ModelReceipt, Receipt


@dataclass(frozen=True)
class Difference:
    """Between two pictures of one size.

    Attributes:
        differing: how many pixels are not the same.
        pixels: how many there are.
        largest: by how much the most different one differs, of 255.
    """

    differing: int
    pixels: int
    largest: int


@dataclass(frozen=True)
class Change:
    """Of a component's model since a picture was made.

    Attributes:
        component: whose.
        was: the model that took part then; None if none did.
        now: and that which does now.
    """

    component: Component
    was: ModelReceipt | None
    now: ModelReceipt | None


def difference(was: NDArray[np.uint8], now: NDArray[np.uint8]) -> Difference:
    """Compare two pictures, uint8 [height, width, 3]."""
    apart = np.abs(was.astype(np.int16) - now).max(axis=2)
    return Difference(int(np.count_nonzero(apart)), apart.size, int(apart.max()))


def changes(was: Receipt, now: Receipt) -> Iterator[Change]:
    """The models that are others now."""
    for component in Component:
        before, after = was.models.get(component), now.models.get(component)
        if not _is_same(before, after):
            yield Change(component, before, after)


def _is_same(was: ModelReceipt | None, now: ModelReceipt | None) -> bool:
    if was is None or now is None:
        return was is now
    if was.digest is not None and now.digest is not None:
        # The same model can have another version: that of its copy in the pod.
        return was.digest == now.digest
    return was.version == now.version


def model_words(model: ModelReceipt | None) -> str:
    """A model as a person knows it."""
    if model is None:
        return "none"
    return f"version {model.version}" if model.uri is None else f"{model.uri} (version {model.version})"


def as_record(change: Change) -> Mapping[str, object]:
    """For JSON."""
    return {
        "component": change.component.value,
        "was": None if change.was is None else change.was.model_dump(mode="json"),
        "now": None if change.now is None else change.now.model_dump(mode="json"),
    }
