"""Pictures that clients fetch later, by a URL."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

KEPT_SECONDS: Final = 3600.0
"""As long as OpenAI keeps them."""
KEPT_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class StoredImage:
    """A picture's file."""

    content: bytes
    content_type: str


class ImageStore:
    """Keeps pictures in memory, the newest that there is room for, and none too long."""

    def __init__(
        self, *, clock: Callable[[], float], seconds: float = KEPT_SECONDS, most_bytes: int = KEPT_BYTES
    ) -> None:
        """Begin empty.

        Args:
            clock: gives seconds that only grow.
            seconds: how long a picture is kept.
            most_bytes: of all pictures.
        """
        self._clock = clock
        self._seconds = seconds
        self._most_bytes = most_bytes
        # In the order in which they came, and so in which they go.
        self._kept: dict[str, tuple[float, StoredImage]] = {}
        self._bytes = 0

    def put(self, image: StoredImage) -> str:
        """Keep one. Returns the name that it has here, which nobody can guess."""
        name = secrets.token_urlsafe(24)
        self._kept[name] = (self._clock() + self._seconds, image)
        self._bytes += len(image.content)
        self._drop()
        return name

    def get(self, name: str) -> StoredImage | None:
        """The one of that name; None if it is not here any more."""
        self._drop()
        found = self._kept.get(name)
        return None if found is None else found[1]

    def _drop(self) -> None:
        now = self._clock()
        while self._kept:
            oldest, (until, image) = next(iter(self._kept.items()))
            if until > now and self._bytes <= self._most_bytes:
                return
            del self._kept[oldest]
            self._bytes -= len(image.content)
