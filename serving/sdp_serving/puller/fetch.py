"""Files from storage into a folder, many parts at a time."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

from sdp_serving.contract.artifact import FileEntry
from sdp_serving.contract.report import PullFailure
from sdp_serving.puller.checksum import joined
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.found import Found
from sdp_serving.puller.progress import MIB, Progress, Say
from sdp_serving.puller.storage import Part, Storage, Stored

_PART: Final = 16 * MIB
"""A model is mostly one large file, so it is files' parts that go in parallel."""
_SAY_EVERY: Final = 5.0


def fetch(
    storage: Storage, found: Found, into: Path, *, say: Say, progress: Callable[[int], None]
) -> Mapping[str, FileEntry]:
    """Bring all files into the existing folder `into`, verified as they arrive.

    Returns:
        The files with the checksums that they have.

    Raises:
        PullError: of the storage, or CORRUPT.
        OSError: of the folder.
    """
    allot(found, into)
    counted = Progress(found.size, time.monotonic)

    def advance(size: int) -> None:
        counted.add(size)
        progress(size)

    def bring(path: str, wanted: range) -> int:
        with (into / path).open("r+b", buffering=0) as target:
            part = Part(wanted, target, advance)
            storage.stream(found.version, path, found.files[path], part)
            return part.crc

    pool = ThreadPoolExecutor(storage.parts_at_once)
    try:
        parts = {
            path: [(len(part), pool.submit(bring, path, part)) for part in _parts(file)]
            for path, file in found.files.items()
        }
        pending = {future for of_file in parts.values() for _, future in of_file}
        while pending:
            done, pending = wait(pending, timeout=_SAY_EVERY)
            for future in done:
                future.result()
            say(f"fetching: {counted}" if pending else f"fetched: {counted}")
    finally:
        pool.shutdown(cancel_futures=True)
    arrived = {
        path: FileEntry(size=found.files[path].size, crc32c=joined((future.result(), size) for size, future in of_file))
        for path, of_file in parts.items()
    }
    broken = sorted(path for path, entry in arrived.items() if found.files[path].crc32c not in (None, entry.crc32c))
    if broken:
        raise PullError(
            PullFailure.CORRUPT,
            f"{found.uri} is damaged, {', '.join(broken)} differs from its checksum: export the model again",
        )
    return arrived


def allot(found: Found, into: Path) -> None:
    """Make the files in the folder `into`, in full size and with nothing in them."""
    for path, file in found.files.items():
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as empty:
            empty.truncate(file.size)


def _parts(file: Stored) -> Iterator[range]:
    step = _PART if file.in_parts else max(file.size, 1)
    for start in range(0, file.size, step):
        yield range(start, min(start + step, file.size))
