"""How many requests each client may send. Pure."""

from collections.abc import Callable, Hashable
from typing import Final

_MINUTE: Final = 60.0


class RateLimit:
    """A bucket for each client, which holds the requests of one minute and fills up steadily."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float]) -> None:
        """Begin with full buckets.

        Args:
            per_minute: how many requests; 0 for any number.
            clock: gives seconds that only grow.
        """
        self._per_minute = per_minute
        self._clock = clock
        # When each client's bucket will be full again: all that needs to be known of it.
        self._full_at: dict[Hashable, float] = {}

    def take(self, client: Hashable) -> float | None:
        """Count one request.

        Returns:
            None when it may go on; else, uncounted, the seconds until one may.
        """
        if not self._per_minute:
            return None
        now, each = self._clock(), _MINUTE / self._per_minute
        full_at = max(self._full_at.get(client, now), now) + each
        late = full_at - now - _MINUTE
        # A whole bucket of requests may differ from a minute by a rounding error.
        if late > each / 1000:
            return late
        self._forget_full_ones(now)
        self._full_at[client] = full_at
        return None

    def _forget_full_ones(self, now: float) -> None:
        for client in [client for client, full_at in self._full_at.items() if full_at <= now]:
            del self._full_at[client]
