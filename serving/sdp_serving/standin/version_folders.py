"""The versions of a model on disk: the folders of its base path whose names are whole numbers."""

from pathlib import Path


class NoBasePathError(Exception):
    """The base path is missing or cannot be read; the message says which and why."""


def version_folders(base_path: str) -> dict[int, Path]:
    """Each version's folder.

    Raises:
        NoBasePathError: the base path cannot be listed.
    """
    try:
        return {
            int(entry.name): entry for entry in Path(base_path).iterdir() if entry.name.isdecimal() and entry.is_dir()
        }
    except OSError as error:
        raise NoBasePathError(f"Could not find base path {base_path}: {error.strerror}") from error
