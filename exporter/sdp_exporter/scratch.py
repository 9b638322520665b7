"""Folders for what is needed only while an export runs."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sdp_exporter.errors import NoScratchFolderError


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A new, empty folder whose name begins with `prefix`; it is gone afterwards.

    Raises:
        NoScratchFolderError: if none can be made.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NoScratchFolderError(
            f"no temporary folder can be made ({reason}): name one that can be written to, with room for the weights"
            " and the SavedModel, in TMPDIR"
        ) from None
    with folder as path:
        yield Path(path)
