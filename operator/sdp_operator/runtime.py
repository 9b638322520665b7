"""What the process gives to the handlers."""

from dataclasses import dataclass, field
from typing import Self

import kopf

from sdp_operator.connection import Fence
from sdp_operator.settings import Settings
from sdp_operator.telemetry import logs
from sdp_operator.telemetry.health import Health
from sdp_operator.telemetry.metrics import Metrics


@dataclass(frozen=True)
class Runtime:
    """The settings, and where the handlers tell how they are."""

    settings: Settings = field(default_factory=Settings)
    metrics: Metrics = field(default_factory=Metrics)
    health: Health = field(default_factory=Health)
    fence: Fence | None = None
    """Called before each request to the API server where several operators run; see `connection.connect`."""

    def memo(self) -> kopf.Memo:
        """Carry this to the handlers."""
        return kopf.Memo(runtime=self)

    @classmethod
    def of(cls, memo: kopf.Memo) -> Self:
        """What the process gave; one of the defaults under `kopf run`, which gives nothing."""
        found: Self | None = memo.get("runtime")
        if found is None:
            logs.quieten()
            return cls()
        return found
