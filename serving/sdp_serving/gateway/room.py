"""How much memory the bodies of requests may take in all."""

from pathlib import Path
from typing import Final

_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
_WITHOUT_LIMIT: Final = 512 * 1024 * 1024


class Room:
    """A number of bytes to be shared out."""

    def __init__(self, size: int) -> None:
        self._free = size

    def take(self, size: int) -> bool:
        """Take that much. Returns whether there was enough."""
        if size > self._free:
            return False
        self._free -= size
        return True

    def give(self, size: int) -> None:
        """Give that much back."""
        self._free += size


def room_for_bodies(limit: Path = _LIMIT) -> int:
    """Half of the memory that the container may take: the other half is for all else.

    Args:
        limit: the file in which the kernel tells the container's limit.
    """
    try:
        return int(limit.read_text(encoding="ascii")) // 2
    except (OSError, ValueError):
        # No container, an older kernel's layout, or "max".
        return _WITHOUT_LIMIT // 2
