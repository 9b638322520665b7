"""The one sequence: what is already published stays, what is not is written, checked and published."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final, Protocol

from sdp_exporter.artifact import describe, file_entries, next_version
from sdp_exporter.digest import sha256, source_digest
from sdp_exporter.errors import VersionTakenError
from sdp_exporter.memory import forget_peak, peak_memory
from sdp_exporter.scratch import scratch_folder
from sdp_exporter.sources import Source
from sdp_exporter.stages import Stage, Stopwatch, enter, listening
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


@dataclass(frozen=True)
class Exported:
    """A model that is there, whole.

    Attributes:
        request: what asked for it.
        uri: where it is, with its version.
        digest: of the weights and all that the export depends on.
        size: bytes of its files.
        seconds: those spent in each stage; none where the same model was there already.
        peak_memory: bytes that the process held at most meanwhile; None where the model was there already.
    """

    request: Request
    uri: ModelUri
    digest: str
    size: int
    seconds: Mapping[Stage, float] = field(default_factory=dict)
    peak_memory: int | None = None

    @property
    def is_new(self) -> bool:
        """Whether this export has made it."""
        return bool(self.seconds)


class Observer(Protocol):
    """Told what the export is doing."""

    def entered(self, request: Request, stage: Stage) -> None:
        """The model has come to this stage."""
        ...

    def uploading(self, request: Request, size: int) -> Progress:
        """Its `size` bytes are about to be stored; the answer is told of bytes as they are."""
        ...

    def exported(self, exported: Exported) -> None:
        """It is there."""
        ...


@dataclass(frozen=True)
class Lookup:
    """What is asked for, and what is there."""

    request: Request
    store: Store
    digest: str
    newest: Manifest | None

    @property
    def there(self) -> Exported | None:
        """The model, if the newest version is that already."""
        return _as_exported(self.request, self.digest, self.newest)


def look_up(requests: Sequence[Request]) -> list[Lookup]:
    """What is there of each request; no model is built.

    Raises:
        StoreError: a place can't be used.
    """
    stores = [open_store(request.uri) for request in requests]
    # What is wrong with a place shows before the weights are read for their digests, which can take a minute.
    newest = [store.newest() for store in stores]
    # Components of one file share its digest, which takes ten seconds of a whole checkpoint.
    file_digest = cache(sha256)
    return [
        Lookup(request, store, source_digest(request.source, file_digest), manifest)
        for request, store, manifest in zip(requests, stores, newest, strict=True)
    ]


def export(requests: Sequence[Request], *, clock: Clock, observer: Observer) -> list[Exported]:
    """Publish every request's model that is not there yet; TensorFlow is loaded only if there is one.

    Returns:
        The model of each request.

    Raises:
        ExportError: at the first that fails; those before it are published.
    """
    return [_export_one(lookup, clock, observer) for lookup in look_up(requests)]


def _as_exported(request: Request, digest: str, newest: Manifest | None) -> Exported | None:
    if newest is None or newest.source_digest != digest:
        return None
    size = sum(entry.size for entry in newest.files.values())
    return Exported(request, request.uri.at(Version(newest.version)), digest, size)


def _export_one(lookup: Lookup, clock: Clock, observer: Observer) -> Exported:
    exported = lookup.there or _make(lookup, clock, observer)
    observer.exported(exported)
    return exported


def _make(lookup: Lookup, clock: Clock, observer: Observer) -> Exported:
    watch = Stopwatch()

    def entered(stage: Stage) -> None:
        if stage is watch.stage:
            return
        watch.enter(stage)
        observer.entered(lookup.request, stage)

    forget_peak()
    with listening(entered), scratch_folder("sdpipeline-export-") as folder:
        manifest = _write_and_publish(lookup, folder, clock, observer)
    return Exported(
        request=lookup.request,
        uri=lookup.request.uri.at(Version(manifest.version)),
        digest=lookup.digest,
        size=sum(entry.size for entry in manifest.files.values()),
        seconds=watch.stop(),
        peak_memory=peak_memory(),
    )


def _write_and_publish(lookup: Lookup, folder: Path, clock: Clock, observer: Observer) -> Manifest:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    enter(Stage.BUILD)
    # Loading TensorFlow takes seconds.
    import tensorflow as tf

    from sdp_exporter import saved_model

    signatures = saved_model.write(lookup.request.source, folder)
    enter(Stage.UPLOAD)
    files = file_entries(folder)
    progress = observer.uploading(lookup.request, sum(entry.size for entry in files.values()))
    with lookup.store.bringing(folder, files, progress) as publish:
        for remaining in reversed(range(_ATTEMPTS)):
            # Whoever exported the same model at the same time may have finished.
            newest = lookup.store.newest()
            if newest is not None and newest.source_digest == lookup.digest:
                return newest
            created = clock()
            manifest = describe(
                lookup.request.source,
                version=next_version(created, lookup.store.taken()),
                created=created,
                digest=lookup.digest,
                tensorflow=tf.__version__,
                signatures=signatures,
                files=files,
            )
            try:
                publish(manifest)
            except VersionTakenError:
                if not remaining:
                    raise
            else:
                return manifest
    raise AssertionError("the last attempt returns or raises")
