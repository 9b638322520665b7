"""Files from storage into a folder, many parts at a time."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

from sdp_serving.contract.artifact import FileEntry, Version
from sdp_serving.puller.progress import MIB, Progress, Say
from sdp_serving.puller.storage import Storage

_THREADS: Final = 8
_PART: Final = 16 * MIB
"""A model is mostly one large file, so it is files' parts that go in parallel."""
_SAY_EVERY: Final = 5.0


def fetch(storage: Storage, version: Version, files: Mapping[str, FileEntry], into: Path, *, say: Say) -> None:
    """Bring all `files` of a version into the existing folder `into`; the caller verifies them.

    Raises:
        PullError: of the storage.
        OSError: of the folder.
    """
    for path, entry in files.items():
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.truncate(entry.size)
    progress = Progress(sum(entry.size for entry in files.values()), time.monotonic)

    def bring(path: str, part: range) -> None:
        with (into / path).open("r+b") as file:
            file.seek(part.start)
            storage.stream(version, path, part, file)
        progress.add(len(part))

    pool = ThreadPoolExecutor(_THREADS)
    try:
        pending = {pool.submit(bring, path, part) for path, entry in files.items() for part in _parts(entry.size)}
        while pending:
            done, pending = wait(pending, timeout=_SAY_EVERY)
            for future in done:
                future.result()
            say(f"fetching: {progress}" if pending else f"fetched: {progress}")
    finally:
        pool.shutdown(cancel_futures=True)


def _parts(size: int) -> Iterator[range]:
    for start in range(0, size, _PART):
        yield range(start, min(start + _PART, size))
