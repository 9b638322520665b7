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

    def watch_lost(self, watched: str) -> None:
        """A watch ended and can't be opened again.

        Args:
            watched: the kind, and the namespace where each has its own watch.
        """
        self._lost.setdefault(watched, self._clock())

    def watch_open(self, watched: str) -> None:
        """A watch is open."""
        self._lost.pop(watched, None)

    def ready_unless(self, obstacle: str | None) -> None:
        """Say what keeps the process from working, or from taking over; None for nothing."""
        self._obstacle = obstacle

    def ailment(self) -> str | None:
        """Why the process should be started again; None while it is well."""
        patience = PATIENCE.total_seconds()
        dead = sorted(watched for watched, since in self._lost.items() if self._clock() - since > patience)
        return f"no watch on {', '.join(dead)} for more than {patience / 60:.0f} minutes" if dead else None

    def obstacle(self) -> str | None:
        """What keeps the process from working, or from taking over; None for nothing."""
        return self._obstacle
