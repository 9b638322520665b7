"""Whether the operator is alive and whether it is ready, and if not, why."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

PATIENCE: Final = timedelta(minutes=5)
"""How long a watch may be down before a restart of the process is worth a try."""


class Health:
    """Gathers what the parts of the process say about themselves."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lost: dict[str, float] = {}
        self._obstacle: str | None = "starting"

    def watch_lost(self, kind: str) -> None:
        """A watch on objects of this kind ended and can't be opened again."""
        self._lost.setdefault(kind, self._clock())

    def watch_open(self, kind: str) -> None:
        """A watch on objects of this kind is open."""
        self._lost.pop(kind, None)

    def ready_unless(self, obstacle: str | None) -> None:
        """Say what keeps the process from working, or from taking over; None for nothing."""
        self._obstacle = obstacle

    def ailment(self) -> str | None:
        """Why the process should be started again; None while it is well."""
        patience = PATIENCE.total_seconds()
        dead = sorted(kind for kind, since in self._lost.items() if self._clock() - since > patience)
        return f"no watch on {', '.join(dead)} for more than {patience / 60:.0f} minutes" if dead else None

    def obstacle(self) -> str | None:
        """What keeps the process from working, or from taking over; None for nothing."""
        return self._obstacle
