"""The one sequence of the puller, from a URI to a model in place."""

import shutil
import time
from pathlib import Path

from sdp_serving.contract.artifact import MANIFEST, SAVED_MODEL, Manifest, ModelUri, Version
from sdp_serving.contract.report import Pulled, PullFailure
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.fetch import fetch
from sdp_serving.puller.judgement import Wanted, candidates, judge
from sdp_serving.puller.progress import MIB, Say
from sdp_serving.puller.storage import Storage
from sdp_serving.puller.verify import damaged


def pull(storage: Storage, uri: ModelUri, wanted: Wanted, models: Path, *, say: Say) -> Pulled:
    """Lay the model under `models`/<component>/<version>, alone, and whole from the moment it has that name.

    Killed at any point and run again, it ends in the same state; a model that is there already is only verified.

    Raises:
        PullError: with the reason.
    """
    start, component = time.monotonic(), wanted.component
    version, files = resolve(storage, uri)
    pinned = uri.at(version)
    if MANIFEST not in files:
        raise PullError(
            PullFailure.MODEL_INCOMPLETE,
            f"{pinned} has no {MANIFEST}: export the model with sdpipeline-export instead of copying a SavedModel",
        )
    raw = storage.read(version, MANIFEST)
    manifest = judge(raw, files, uri=pinned, wanted=wanted)
    size = sum(entry.size for entry in manifest.files.values())
    say(f"{component}: {pinned} ({manifest.weights}), {len(manifest.files)} files, {size / MIB:.1f} MiB")
    try:
        _lay(storage, pinned, version, manifest, raw, models / component, say=say)
    except OSError as error:
        raise PullError(
            PullFailure.STORAGE_UNAVAILABLE,
            f"{pinned} ({size / MIB:.1f} MiB) cannot be written below {models} ({error.strerror}): make the pod's"
            " volume for models larger, or writable",
        ) from error
    return Pulled(
        component=component,
        uri=str(pinned),
        version=version,
        source_digest=manifest.source_digest,
        weights=manifest.weights,
        width=manifest.width,
        sd_version=manifest.sd_version,
        size_bytes=size,
        seconds=round(time.monotonic() - start, 3),
    )


def resolve(storage: Storage, uri: ModelUri) -> tuple[Version, dict[str, int]]:
    """The version that `uri` names, and the sizes of its files by path.

    Raises:
        PullError: MODEL_NOT_FOUND, or MODEL_INCOMPLETE when no version has all files.
    """
    versions = [uri.version] if uri.version is not None else candidates(storage.folders())
    seen = False
    for version in versions:
        files = dict(storage.files(version))
        if SAVED_MODEL in files:
            return version, files
        seen = seen or bool(files)
    if seen:
        raise PullError(
            PullFailure.MODEL_INCOMPLETE,
            f"{uri} holds no whole version, for {SAVED_MODEL} comes last: wait for the export that is running, or"
            " export the model again",
        )
    raise PullError(
        PullFailure.MODEL_NOT_FOUND, f"there is no model at {uri}: correct the URI, or export a model to it"
    )


def _lay(
    storage: Storage, uri: ModelUri, version: Version, manifest: Manifest, raw: bytes, home: Path, *, say: Say
) -> None:
    home.mkdir(parents=True, exist_ok=True)
    target = home / str(version)
    if target.exists() and not damaged(target, manifest.files):
        _clear(home, keep=target)
        say(f"already at {target}, verified")
        return
    # Before the fetch: the volume need hold only one model.
    _clear(home)
    partial = home / f".{version}.partial"
    partial.mkdir()
    fetch(storage, version, manifest.files, partial, say=say)
    if broken := damaged(partial, manifest.files):
        raise PullError(
            PullFailure.CORRUPT,
            f"{uri} is damaged, {', '.join(sorted(broken))} differs from its checksum: export the model again",
        )
    (partial / MANIFEST).write_bytes(raw)
    partial.rename(target)
    say(f"at {target}, verified")


def _clear(home: Path, keep: Path | None = None) -> None:
    for entry in home.iterdir():
        if entry == keep:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
