"""Where the models that answered came from, for receipts."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sdp_serving.contract.components import Component
from sdp_serving.generation.errors import PipelineError
from sdp_serving.generation.receipt import ModelReceipt


@dataclass(frozen=True)
class Origin:
    """Of a model.

    Attributes:
        uri: where it was pulled from, or its image.
        digest: of its weights and all that its export depended on; None when an image holds it.
    """

    uri: str
    digest: str | None


class Origins:
    """Of the models of one pipeline, which may be replaced meanwhile; threads may share it."""

    def __init__(self, known: Mapping[Component, Origin], read: Callable[[], Mapping[Component, Origin]]) -> None:
        """Believe what is known.

        Args:
            known: what the pipeline's status said just now.
            read: what it says then.
        """
        self._read = read
        self._lock = threading.Lock()
        self._origins = dict(known)
        self._versions: dict[Component, int] = {}

    def receipt(self, component: Component, version: int) -> ModelReceipt:
        """What is known of the model that answered."""
        with self._lock:
            if self._versions.setdefault(component, version) != version:
                self._look_again(component, version)
            origin = self._origins.get(component) if self._versions[component] == version else None
        if origin is None:
            return ModelReceipt(version=version)
        return ModelReceipt(version=version, uri=origin.uri, digest=origin.digest)

    def _look_again(self, component: Component, version: int) -> None:
        try:
            now = self._read().get(component)
        except PipelineError:
            return
        # A status that is behind still tells of the model before.
        if now is not None and now != self._origins.get(component):
            self._origins[component] = now
            self._versions[component] = version
