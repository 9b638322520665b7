"""What the operator wants of the pods of one rollout."""

from pathlib import Path

from pydantic import ValidationError

from sdp_serving.contract.report import PullFailure
from sdp_serving.contract.swap import DesiredModels, PodModels
from sdp_serving.puller.errors import PullError


def read_desired(file: Path, rollout: str) -> PodModels:
    """The models of a rollout's pods, from the operator's file.

    Raises:
        PullError: MODEL_NOT_FOUND when the file names none.
    """
    try:
        rollouts = DesiredModels.model_validate_json(file.read_bytes()).rollouts
    except OSError as error:
        raise _unnamed(f"{file} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise _unnamed(f"{file} is not what this release reads") from error
    if rollout not in rollouts:
        raise _unnamed(f"{file} has no rollout {rollout!r}")
    return rollouts[rollout]


def _unnamed(fault: str) -> PullError:
    return PullError(
        PullFailure.MODEL_NOT_FOUND,
        f"the operator names no model for this pod, {fault}: if that lasts, read the operator's log",
    )
