"""What an export can have come to, and how that is said."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from sdp_serving.contract.artifact import ModelUri


class ExportReason(StrEnum):
    """Reasons of the condition Exported, beside those of pods that can't start (`Reason`)."""

    EXPORTED = "Exported"
    STARTING = "ExportStarting"
    RUNNING = "Exporting"
    RETRYING = "ExportRetrying"
    REFUSED = "ExportRefused"
    """Trying again is of no use: bad weights, a bucket that is missing or closed."""
    TIMED_OUT = "ExportTimedOut"
    FAILED = "ExportFailed"


@dataclass(frozen=True)
class Waiting:
    """Nothing runs: a pod is on its way, or something keeps it."""

    reason: str
    message: str


@dataclass(frozen=True)
class Running:
    """An attempt is under way.

    Attributes:
        attempt: its number, from 1.
        attempts: how many there are at most.
        before: why the one before failed.
    """

    attempt: int
    attempts: int
    before: str | None = None

    @property
    def reason(self) -> str:
        """The condition's reason."""
        return ExportReason.RUNNING

    @property
    def message(self) -> str:
        """The condition's message."""
        before = f"; the one before failed: {self.before}" if self.before is not None else ""
        return f"the weights are being exported, attempt {self.attempt} of {self.attempts}{before}"


@dataclass(frozen=True)
class Done:
    """The model is there."""

    uri: ModelUri

    @property
    def reason(self) -> str:
        """The condition's reason."""
        return ExportReason.EXPORTED

    @property
    def message(self) -> str:
        """The condition's message."""
        return f"the model is at {self.uri}"


@dataclass(frozen=True)
class Failed:
    """No attempt is left; the user must act."""

    reason: str
    message: str


Export: TypeAlias = Waiting | Running | Done | Failed
