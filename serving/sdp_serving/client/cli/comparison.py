"""What became of a picture that was made again. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sdp_serving.contract.components import Component
from sdp_serving.generation.printable import printable
from sdp_serving.generation.receipt import ModelReceipt, Receipt

_DIGITS: Final = 12
"""Of a digest that a person reads: as many as tell all models of the world apart."""


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


@dataclass(frozen=True)
class Verdict:
    """How a picture came out.

    Attributes:
        pixels: how many there are.
        differing: how many of them are not the same.
        largest: by how much the most different one differs, of 255.
        changes: the models that are others now.
    """

    pixels: int
    differing: int
    largest: int
    changes: tuple[Change, ...]

    @property
    def is_equal(self) -> bool:
        """Whether all pixels are the same."""
        return not self.differing

    def record(self) -> Mapping[str, Any]:
        """For JSON."""
        return {
            "equal": self.is_equal,
            "pixels": self.pixels,
            "differing_pixels": self.differing,
            "largest_difference": self.largest,
            "changes": [
                {
                    "component": change.component.value,
                    "was": None if change.was is None else change.was.model_dump(mode="json"),
                    "now": None if change.now is None else change.now.model_dump(mode="json"),
                }
                for change in self.changes
            ],
        }

    def words(self) -> Iterator[str]:
        """For a person, line by line."""
        if self.is_equal:
            yield f"equal: all {self.pixels} pixels are as they were"
        else:
            yield f"different: {self.differing} of {self.pixels} pixels, by up to {self.largest} of 255"
        for change in self.changes:
            yield f"the {change.component} is another: it was {_words(change.was)}, and is {_words(change.now)}"
        if not self.is_equal and not self.changes:
            yield (
                "the models are the same: servers on other processors, or of another TensorFlow, may round differently"
            )


def compare(was: NDArray[np.uint8], now: NDArray[np.uint8], old: Receipt, new: Receipt) -> Verdict:
    """Compare two pictures, uint8 [height, width, 3], and their receipts."""
    apart = np.abs(was.astype(np.int16) - now).max(axis=2)
    return Verdict(
        pixels=apart.size,
        differing=int(np.count_nonzero(apart)),
        largest=int(apart.max()),
        changes=tuple(_changes(old.models, new.models)),
    )


def _changes(old: Mapping[Component, ModelReceipt], new: Mapping[Component, ModelReceipt]) -> Iterator[Change]:
    for component in Component:
        was, now = old.get(component), new.get(component)
        if not _is_same(was, now):
            yield Change(component, was, now)


def _is_same(was: ModelReceipt | None, now: ModelReceipt | None) -> bool:
    if was is None or now is None:
        return was is now
    if was.digest is not None and now.digest is not None:
        # The same model may be served under another version number.
        return was.digest == now.digest
    return was.version == now.version


def _words(model: ModelReceipt | None) -> str:
    if model is None:
        return "none"
    told = [f"version {model.version}"]
    if model.digest is not None:
        told.append(model.digest[: len("sha256:") + _DIGITS])
    # A receipt may be anybody's.
    return ", ".join(told) if model.uri is None else f"{printable(model.uri)} ({', '.join(told)})"
