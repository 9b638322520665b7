"""What is remembered from one request to the next, so that it isn't asked for again."""

import threading
from collections.abc import Mapping

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant
from sdp_serving.generation.calls import Look, Offer


class Memory:
    """Of one pipeline's servers; threads may share it.

    Nothing that models have computed is kept: a model that is replaced may have its predecessor's version number.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offers: dict[Look, Offer] = {}

    def offer(self, look: Look) -> Offer | None:
        """What a model could do when it was last asked."""
        return self._offers.get(look)

    def offers(self) -> Mapping[Look, Offer]:
        """What all could do, as it is remembered now."""
        with self._lock:
            return dict(self._offers)

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
        """Forget what a component's models could do."""
        with self._lock:
            self._offers = {look: offer for look, offer in self._offers.items() if look.component is not component}
