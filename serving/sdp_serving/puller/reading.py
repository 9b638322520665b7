"""A model verified where it lies, for a server that reads it there."""

import time
from pathlib import Path

from sdp_serving.contract.artifact import FileEntry, ModelUri
from sdp_serving.contract.report import Pulled
from sdp_serving.puller.folder import Folder, reading
from sdp_serving.puller.inspection import inspect
from sdp_serving.puller.judgement import Wanted
from sdp_serving.puller.manifest import corrupt
from sdp_serving.puller.progress import MIB, Say
from sdp_serving.puller.verify import damaged


def verify_in_place(root: Path, uri: ModelUri, wanted: Wanted, *, say: Say) -> Pulled:
    """Judge a model in a mounted folder, and hold its bytes to the checksums of its manifest, where it has one.

    Args:
        root: the folder that the URI names, without the version.
        uri: where the model lies.
        wanted: what it must be.
        say: told how it goes.

    Raises:
        PullError: with the reason.
    """
    start = time.monotonic()
    found = inspect(Folder(root), uri, wanted)
    folder = root / str(found.version)
    known = {
        path: FileEntry(size=file.size, crc32c=file.crc32c)
        for path, file in found.files.items()
        if file.crc32c is not None
    }
    with reading(folder):
        if broken := damaged(folder, known):
            raise corrupt(found.uri, f"{', '.join(sorted(broken))} differs from its checksum")
    pulled = found.pulled(time.monotonic() - start)
    say(f"{wanted.component}: {found.uri} ({found.facts.weights}), {found.size / MIB:.1f} MiB, verified")
    return pulled
