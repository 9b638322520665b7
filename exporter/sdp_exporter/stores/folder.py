"""A folder as a store of artifacts."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from sdp_exporter.artifact import file_entries
from sdp_exporter.errors import StoreRefusedError, StoreUnavailableError, VersionTakenError
from sdp_exporter.stores import Progress, Publish, Stored
from sdp_serving.contract.artifact import (
    MANIFEST,
    SAVED_MODEL,
    FileEntry,
    Manifest,
    Version,
    version_of,
    whole_versions,
)

_INCOMING: Final = ".incoming-"
_REFUSALS: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
)
"""What does not pass by itself, as a full or broken disk may."""


class FolderStore:
    """Versions as subfolders of `root`; each appears whole, by a rename."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def require_writable(self) -> None:
        """Ask for the rights to the folder, or to the one that it is to be made in."""
        with _readable_errors(self._root):
            self._names()
            folder = next(folder for folder in (self._root, *self._root.parents) if folder.exists())
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    def taken(self) -> Sequence[Version]:
        """Every version there, oldest first."""
        with _readable_errors(self._root):
            return sorted(version for name in self._names() if (version := version_of(name)) is not None)

    def newest(self) -> Manifest | None:
        """The manifest of the newest whole version."""
        with _readable_errors(self._root):
            paths = (f"{name}/{file.name}" for name in self._names() for file in (self._root / name).glob("*"))
            whole = whole_versions(paths)
            return self._manifest(whole[-1]) if whole else None

    @contextmanager
    def bringing(self, folder: Path, files: Mapping[str, FileEntry], progress: Progress) -> Iterator[Publish]:
        """Copy beside the versions under a hidden name; to publish is to rename, which fails where the version is."""
        with _readable_errors(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=_INCOMING, dir=self._root) as incoming:
                artifact = Path(incoming) / "artifact"
                artifact.mkdir()
                for path, entry in files.items():
                    (artifact / path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(folder / path, artifact / path)
                    progress(entry.size)
                yield lambda manifest: self._publish(artifact, manifest)

    def versions(self) -> Sequence[Stored]:
        """Every version there, whole or not, oldest first."""
        with _readable_errors(self._root):
            return [self._stored(version) for version in self.taken()]

    def checksums(self, version: Version) -> Mapping[str, FileEntry]:
        """Every file of a version, all of which are read for it."""
        with _readable_errors(self._root):
            entries = file_entries(self._root / str(version))
            return {path: entry for path, entry in entries.items() if path != MANIFEST}

    def delete(self, version: Version) -> None:
        """Delete the version's folder."""
        folder = self._root / str(version)
        with _readable_errors(self._root):
            (folder / SAVED_MODEL).unlink(missing_ok=True)
            shutil.rmtree(folder)

    def delete_leftovers(self, before: datetime) -> int:
        """Delete copies that were begun before this time and never became a version."""
        freed = 0
        with _readable_errors(self._root):
            for folder in self._root.glob(f"{_INCOMING}*"):
                if _changed([folder]) < before:
                    freed += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
                    shutil.rmtree(folder)
        return freed

    def _publish(self, artifact: Path, manifest: Manifest) -> None:
        version = self._root / str(manifest.version)
        (artifact / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
        try:
            artifact.rename(version)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise VersionTakenError(f"{version} is there already") from None
            raise

    def _stored(self, version: Version) -> Stored:
        folder = self._root / str(version)
        files = [file for file in folder.rglob("*") if file.is_file()]
        return Stored(
            version=version,
            sizes={file.relative_to(folder).as_posix(): file.stat().st_size for file in files},
            changed=_changed([folder, *files]),
            manifest=self._manifest(version),
        )

    def _manifest(self, version: Version) -> Manifest | None:
        try:
            return Manifest.model_validate_json((self._root / str(version) / MANIFEST).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def _names(self) -> list[str]:
        if self._root.exists():
            return [entry.name for entry in self._root.iterdir()]
        # It is made when there is something to put into it, if that can be.
        above = next(folder for folder in self._root.parents if folder.exists())
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(above))
        return []


def _changed(paths: Sequence[Path]) -> datetime:
    return datetime.fromtimestamp(max(path.stat().st_mtime for path in paths), UTC)


@contextmanager
def _readable_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        kind = StoreRefusedError if error.errno in _REFUSALS else StoreUnavailableError
        raise kind(f"{root} cannot be used: {reason} ({error.filename}); choose another folder or mend it") from None
