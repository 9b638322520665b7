"""The one sequence: what is already published stays, what is not is written, checked and published."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from sdp_exporter.artifact import describe, file_entries, next_version
from sdp_exporter.digest import source_digest
from sdp_exporter.errors import VersionTakenError
from sdp_exporter.sources import Source
from sdp_exporter.stores import Progress, Store, open_store
from sdp_serving.contract.artifact import Manifest, ModelUri, Version

_ATTEMPTS: Final = 5
"""Versions to try where other exporters race for them."""

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Request:
    """Export `source` to `uri`, which names no version."""

    source: Source
    uri: ModelUri

    @property
    def name(self) -> str:
        """What is exported, in a person's words, such as `sd-tiny/striped diffusion-model`."""
        return f"{self.source.name} {self.source.component}"


class Observer(Protocol):
    """Told what the export is doing."""

    def writing(self, request: Request) -> None:
        """The model is being built and saved."""
        ...

    def publishing(self, request: Request, size: int) -> Progress:
        """Its `size` bytes are about to be stored; the answer is told of bytes as they are."""
        ...

    def published(self, request: Request, uri: ModelUri) -> None:
        """It is there, whole, at the versioned `uri`."""
        ...

    def unchanged(self, request: Request, uri: ModelUri) -> None:
        """The newest version there, `uri`, is the same model already."""
        ...


def export(requests: Sequence[Request], *, clock: Clock, observer: Observer) -> list[ModelUri]:
    """Publish every request's model that is not there yet; TensorFlow is loaded only if there is one.

    Returns:
        For each request the URI of the version that holds its model.

    Raises:
        ExportError: at the first that fails; those before it are published.
    """
    # Every place is looked at before any model is built: what is wrong shows within a second.
    lookups = [_look_up(request) for request in requests]
    return [_export_one(lookup, clock, observer) for lookup in lookups]


@dataclass(frozen=True)
class _Lookup:
    request: Request
    store: Store
    digest: str
    newest: Manifest | None


def _look_up(request: Request) -> _Lookup:
    store = open_store(request.uri)
    return _Lookup(request, store, source_digest(request.source), store.newest())


def _export_one(lookup: _Lookup, clock: Clock, observer: Observer) -> ModelUri:
    request, newest = lookup.request, lookup.newest
    if newest is not None and newest.source_digest == lookup.digest:
        uri = request.uri.at(Version(newest.version))
        observer.unchanged(request, uri)
        return uri
    observer.writing(request)
    with tempfile.TemporaryDirectory(prefix="sdpipeline-export-") as folder:
        version = _write_and_publish(lookup, Path(folder), clock, observer)
    uri = request.uri.at(version)
    observer.published(request, uri)
    return uri


def _write_and_publish(lookup: _Lookup, folder: Path, clock: Clock, observer: Observer) -> Version:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Loading TensorFlow takes seconds.
    import tensorflow as tf

    from sdp_exporter import saved_model

    signatures = saved_model.write(lookup.request.source, folder)
    files = file_entries(folder)
    progress = observer.publishing(lookup.request, sum(entry.size for entry in files.values()))
    for remaining in reversed(range(_ATTEMPTS)):
        created = clock()
        version = next_version(created, lookup.store.taken())
        manifest = describe(
            lookup.request.source,
            version=version,
            created=created,
            digest=lookup.digest,
            tensorflow=tf.__version__,
            signatures=signatures,
            files=files,
        )
        try:
            lookup.store.publish(folder, manifest, progress)
        except VersionTakenError:
            if not remaining:
                raise
        else:
            return version
    raise AssertionError("the last attempt returns or raises")
