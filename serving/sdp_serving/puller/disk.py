"""Room on a disk, and folders on it."""

import errno
import os
import shutil
from pathlib import Path

from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.report import PullFailure
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.progress import MIB


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written below the existing `folder`."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def require_room(uri: ModelUri, size: int, folder: Path) -> None:
    """Refuse a model that does not fit onto the disk of `folder`, which need not exist yet.

    Raises:
        PullError: DISK_FULL.
    """
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if (free := free_bytes(there)) < size:
        raise full(uri, size, folder, f"{free / MIB:.1f} MiB are free")


def unwritable(uri: ModelUri, size: int, folder: Path, error: OSError) -> PullError:
    """The error for what the operating system says about writing a model to `folder`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full(uri, size, folder, error.strerror or "it is full")
    return PullError(
        PullFailure.STORAGE_UNAVAILABLE,
        f"{uri} cannot be written to {folder} ({error.strerror}): make the pod's volume for models writable",
    )


def full(uri: ModelUri, size: int, folder: Path, fault: str) -> PullError:
    """The error that there is no room."""
    return PullError(
        PullFailure.DISK_FULL,
        f"{uri} ({size / MIB:.1f} MiB) does not fit into {folder} ({fault}): free space on the node's disk, or use"
        " nodes with a larger one",
    )


def emptied(folder: Path) -> Path:
    """Make `folder` a folder with nothing in it, whatever it was."""
    removed(folder)
    folder.mkdir(parents=True)
    return folder


def removed(path: Path) -> None:
    """Make that there is nothing at `path`."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
