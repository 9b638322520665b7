"""What is remembered from one request to the next, so that it isn't asked for again."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant
from sdp_serving.generation.calls import Array, Look, Offer

_CONTEXTS: Final = 64
"""Of 77 x 768 float32: 15 MB."""


@dataclass(frozen=True)
class Unconditional:
    """What a picture is led away from.

    Attributes:
        context: float32 [77, width], of the negative prompt.
        cut_off: how many of the negative prompt's tokens did not fit; None where nobody told.
    """

    context: Array
    cut_off: int | None


class Memory:
    """Of one pipeline's servers; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offers: dict[Look, Offer] = {}
        self._contexts: OrderedDict[tuple[str, int], Unconditional] = OrderedDict()

    def offer(self, look: Look) -> Offer | None:
        """What a model could do when it was last asked."""
        return self._offers.get(look)

    def offers_of(self, component: Component) -> list[Offer]:
        """What its models, the stable one and canaries, could do."""
        return [offer for look, offer in self._offers.items() if look.component is component]

    def keep_offer(self, look: Look, offer: Offer) -> None:
        """Remember what a model can do."""
        with self._lock:
            self._offers[look] = offer

    def saw(self, component: Component, variant: Variant, version: int) -> None:
        """Forget what a model could do if it has been replaced by `version` since."""
        with self._lock:
            for look, offer in list(self._offers.items()):
                if look == Look(component, None, variant) and offer.version != version:
                    del self._offers[look]

    def forget(self, component: Component) -> None:
        """Forget what a model could do."""
        with self._lock:
            self._offers = {look: offer for look, offer in self._offers.items() if look.component is not component}

    def unconditional(self, negative_prompt: str, version: int) -> Unconditional | None:
        """What this version of the text encoder makes of a negative prompt."""
        with self._lock:
            found = self._contexts.get((negative_prompt, version))
            if found is not None:
                self._contexts.move_to_end((negative_prompt, version))
            return found

    def keep_unconditional(self, negative_prompt: str, version: int, made: Unconditional) -> None:
        """Remember it; the one that was not asked for the longest goes when there are too many."""
        with self._lock:
            self._contexts[negative_prompt, version] = made
            self._contexts.move_to_end((negative_prompt, version))
            while len(self._contexts) > _CONTEXTS:
                self._contexts.popitem(last=False)
