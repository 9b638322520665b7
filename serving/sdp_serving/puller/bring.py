"""A model that was found, brought into a folder and verified."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sdp_serving.contract.artifact import MANIFEST, FileEntry
from sdp_serving.contract.report import Pulled
from sdp_serving.puller.cache import Cache
from sdp_serving.puller.disk import emptied, require_room, unwritable
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
    cache: Cache | None = None,
    say: Say,
    progress: Callable[[int], None] = lambda _: None,
) -> Pulled:
    """Make the folder `into` hold the model, whole, with the record that `laid_in` reads; the caller renames it.

    What another run has left there is removed first.

    Args:
        storage: that in which the model was found.
        found: the model.
        into: the folder, which no server looks into.
        cache: the node's; None for none.
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

    def fill(folder: Path) -> Mapping[str, FileEntry]:
        return fetch(storage, found, emptied(folder), say=say, progress=progress)

    try:
        emptied(into)
        # The cache first: where the disk is full, it is often by what that can do without.
        files = None if cache is None else cache.give(found, into, fill, say=say, progress=progress)
        if files is None:
            require_room(found.uri, found.size, into)
            files = fill(into)
        # A fetch that is no longer wanted must not call whole what another one may have begun to fill anew.
        progress(0)
        if found.manifest is not None:
            (into / MANIFEST).write_bytes(found.manifest)
        pulled = found.pulled(time.monotonic() - start)
        Laid(asked=str(found.asked), model=pulled, files=files).write(into)
    except OSError as error:
        raise unwritable(found.uri, found.size, into.parent, error) from error
    return pulled
