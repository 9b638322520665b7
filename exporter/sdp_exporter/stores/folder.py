"""A folder as a store of artifacts."""

import errno
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from sdp_exporter.errors import StoreRefusedError, StoreUnavailableError, VersionTakenError
from sdp_exporter.stores import Progress
from sdp_serving.contract.artifact import MANIFEST, Manifest, Version, whole_versions

_REFUSALS: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
)
"""What does not pass by itself, as a full or broken disk may."""


class FolderStore:
    """Versions as subfolders of `root`; each appears whole, by a rename."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def taken(self) -> Sequence[Version]:
        """Every version there, oldest first."""
        with _readable_errors(self._root):
            return sorted(Version(int(name)) for name in self._names() if name.isascii() and name.isdigit())

    def newest(self) -> Manifest | None:
        """The manifest of the newest whole version."""
        with _readable_errors(self._root):
            paths = (f"{name}/{file.name}" for name in self._names() for file in (self._root / name).glob("*"))
            whole = whole_versions(paths)
            if not whole:
                return None
            try:
                return Manifest.model_validate_json((self._root / str(whole[-1]) / MANIFEST).read_bytes())
            except (FileNotFoundError, ValidationError):
                return None

    def publish(self, folder: Path, manifest: Manifest, progress: Progress) -> None:
        """Copy beside the other versions under a hidden name, then rename: a rename fails where the version is."""
        version = self._root / str(manifest.version)
        with _readable_errors(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".incoming-", dir=self._root) as incoming:
                artifact = Path(incoming) / "artifact"
                artifact.mkdir()
                for path, entry in manifest.files.items():
                    (artifact / path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(folder / path, artifact / path)
                    progress(entry.size)
                (artifact / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
                try:
                    artifact.rename(version)
                except OSError as error:
                    if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                        raise VersionTakenError(f"{version} is there already") from None
                    raise

    def _names(self) -> list[str]:
        return [entry.name for entry in self._root.iterdir()] if self._root.exists() else []


@contextmanager
def _readable_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        kind = StoreRefusedError if error.errno in _REFUSALS else StoreUnavailableError
        raise kind(f"{root} cannot be used: {reason} ({error.filename}); choose another folder or mend it") from None
