"""What a folder with a model says of itself, so that whoever comes later knows what lies there without the storage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from sdp_serving.contract.artifact import FileEntry
from sdp_serving.contract.report import Pulled
from sdp_serving.puller.verify import damaged

_RECORD: Final = "sdpipeline-laid.json"
"""In the folder, next to saved_model.pb; TensorFlow Serving passes over it."""


class Laid(BaseModel):
    """What was laid into a folder, verified.

    Attributes:
        asked: the model's URI as it was asked for, pinned or not.
        model: what it is.
        files: all of it by path, with the checksums that it arrived with.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    asked: str
    model: Pulled
    files: Mapping[str, FileEntry]

    def write(self, folder: Path) -> None:
        """Leave it in the folder."""
        (folder / _RECORD).write_text(self.model_dump_json())

    def is_whole(self, folder: Path) -> bool:
        """Whether all of it still lies in the folder. Reads every byte."""
        return not damaged(folder, self.files)


def laid_in(folder: Path) -> Laid | None:
    """What lies in `folder`; None when it does not exist, or nothing says."""
    try:
        return Laid.model_validate_json((folder / _RECORD).read_bytes())
    except (OSError, ValidationError):
        return None
