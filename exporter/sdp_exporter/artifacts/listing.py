"""The versions of the models at a URI, and whether they are what their manifests say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sdp_exporter.stores import Store, Stored, open_store
from sdp_serving.contract.artifact import FileEntry, ModelUri
from sdp_serving.contract.components import Component


class State(StrEnum):
    """What a version is worth."""

    WHOLE = "whole"
    UNFINISHED = "unfinished"
    """It has no saved_model.pb: an export that died, or is under way."""
    UNKNOWN = "no manifest"
    """It may be served, but nothing tells whether it is as it was written."""
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Artifact:
    """A version of a model.

    Attributes:
        model: the model's URI, without a version.
        stored: as it lies there.
        faults: what is not as its manifest says, as far as that was looked at.
    """

    model: ModelUri
    stored: Stored
    faults: Sequence[str] = ()

    @property
    def uri(self) -> ModelUri:
        """Its own URI."""
        return self.model.at(self.stored.version)

    @property
    def state(self) -> State:
        """What it is worth."""
        if not self.stored.is_whole:
            return State.UNFINISHED
        if self.stored.manifest is None:
            return State.UNKNOWN
        return State.DAMAGED if self.faults else State.WHOLE


def open_stores(uri: ModelUri) -> Mapping[ModelUri, Store]:
    """The stores of the model at `uri` and of those that an export with `--to uri` writes below it.

    Raises:
        StoreError: if its credentials are missing.
    """
    below = [uri.model_copy(update={"location": f"{uri.location}/{component}"}) for component in Component]
    return {model: open_store(model) for model in (uri, *below)}


def list_artifacts(stores: Mapping[ModelUri, Store], *, verify: bool) -> list[Artifact]:
    """Every version in `stores`, model by model and oldest first.

    Args:
        stores: by the models' URIs.
        verify: whether checksums are compared too, and not only which files there are and how long.

    Raises:
        StoreError: a place can't be read.
    """
    return [_judged(model, store, stored, verify) for model, store in stores.items() for stored in store.versions()]


def _judged(model: ModelUri, store: Store, stored: Stored, verify: bool) -> Artifact:
    if not stored.is_whole or stored.manifest is None:
        return Artifact(model, stored)
    expected = stored.manifest.files
    faults = _wrong_sizes(expected, stored.sizes)
    if verify and not faults:
        faults = _wrong_checksums(expected, store.checksums(stored.version))
    return Artifact(model, stored, faults)


def _wrong_sizes(expected: Mapping[str, FileEntry], sizes: Mapping[str, int]) -> list[str]:
    return [
        f"{path} is missing" if path not in sizes else f"{path} has {sizes[path]} bytes, not {entry.size}"
        for path, entry in expected.items()
        if sizes.get(path) != entry.size
    ]


def _wrong_checksums(expected: Mapping[str, FileEntry], found: Mapping[str, FileEntry]) -> list[str]:
    return [f"{path} has another checksum" for path, entry in expected.items() if found.get(path) != entry]
