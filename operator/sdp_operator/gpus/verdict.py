"""The outcome of a check."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, Literal, TypeAlias

ConditionStatus: TypeAlias = Literal["True", "False", "Unknown"]


class GpuReason(StrEnum):
    """Why a component's pods do, do not or may not find their GPUs. `check` says when each is given."""

    GPUS_AVAILABLE = "GPUsAvailable"
    DRIVER_INSTALLING = "DriverInstalling"
    GPUS_BUSY = "GPUsBusy"
    NODES_UNAVAILABLE = "NodesUnavailable"
    GPU_UNHEALTHY = "GPUUnhealthy"
    DRIVER_FAILED = "DriverFailed"
    DRIVER_MISSING = "DriverMissing"
    TOO_FEW_NODES = "TooFewNodes"
    NODES_TOO_SMALL = "NodesTooSmall"
    ACCELERATOR_MISMATCH = "AcceleratorMismatch"
    NO_MATCHING_NODE = "NoMatchingNode"


_WARNINGS: Final = frozenset({GpuReason.TOO_FEW_NODES, GpuReason.NO_MATCHING_NODE})
"""A node pool that scales up may yet bring what is missing, and does so only once pods wait for it."""


@dataclass(frozen=True, slots=True)
class GpuVerdict:
    """Whether a component's pods find their GPUs.

    Attributes:
        reason: why, in a word.
        message: why, in a sentence, with what to do; a command that helps stands between backticks.
        recheck_after: when the verdict changes by the passing of time alone.
    """

    reason: GpuReason
    message: str
    recheck_after: timedelta | None = None

    @property
    def status(self) -> ConditionStatus:
        """The status of the condition: Unknown is a warning, which must not hold pods back."""
        if self.reason is GpuReason.GPUS_AVAILABLE:
            return "True"
        return "Unknown" if self.reason in _WARNINGS else "False"
