"""Where the models that answered came from, for receipts."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from sdp_serving.contract.artifact import MANIFEST, Manifest
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


def origin_of_folder(folder: Path) -> Origin:
    """Of the SavedModel in a folder, as far as its manifest tells."""
    try:
        digest = Manifest.model_validate_json((folder / MANIFEST).read_bytes()).source_digest
    except (OSError, ValidationError):
        digest = None
    return Origin(folder.absolute().as_uri(), digest)


class Origins:
    """Of the models of one pipeline, which may be replaced meanwhile; threads may share it."""

    def __init__(self, known: Mapping[Component, Origin], read: Callable[[], Mapping[Component, Origin]]) -> None:
        """Believe what is known.

        Args:
            known: what was told just now.
            read: gives what is told later, of models that have been replaced.
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
