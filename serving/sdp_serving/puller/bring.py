"""A model that was found, brought into a folder and verified."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from sdp_serving.contract.artifact import MANIFEST
from sdp_serving.contract.report import Pulled, PullFailure
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.fetch import fetch
from sdp_serving.puller.found import Found
from sdp_serving.puller.laid import Laid
from sdp_serving.puller.progress import MIB, Say
from sdp_serving.puller.storage import Storage


def bring(
    storage: Storage,
    found: Found,
    into: Path,
    *,
    cache: Path | None = None,
    say: Say,
    progress: Callable[[int], None] = lambda _: None,
) -> Pulled:
    """Make the folder `into` hold the model, whole, with the record that `laid_in` reads; the caller renames it.

    What another run has left there is removed first.

    Args:
        storage: that in which the model was found.
        found: the model.
        into: the folder, which no server looks into.
        cache: the folder of the node's cache; None for none.
        say: told how it goes.
        progress: told of each number of further bytes, from several threads. An exception of it ends the fetch.

    Raises:
        PullError: with the reason.
    """
    start = time.monotonic()
    say(
        f"{found.facts.component}: {found.uri} ({found.facts.weights}), {len(found.files)} files,"
        f" {found.size / MIB:.1f} MiB"
    )
    try:
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        files = fetch(storage, found, into, say=say, progress=progress)
        if found.manifest is not None:
            (into / MANIFEST).write_bytes(found.manifest)
        pulled = found.pulled(time.monotonic() - start)
        Laid(asked=str(found.asked), model=pulled, files=files).write(into)
    except OSError as error:
        raise PullError(
            PullFailure.STORAGE_UNAVAILABLE,
            f"{found.uri} ({found.size / MIB:.1f} MiB) cannot be written to {into.parent} ({error.strerror}): make the"
            " pod's volume for models writable",
        ) from error
    return pulled
