"""Those who wait for a component, first come first served.

Only the foremost tries whether it is there. Once that one is through, all others go on in their order; who of them
finds it away again takes a place at the end.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_AGAIN_SECONDS: Final = 0.2
"""How long the foremost waits between two tries."""


class Line:
    """The line before one component."""

    def __init__(self) -> None:
        self.length = 0
        """How many wait."""
        self.front = asyncio.Lock()
        """Held by the foremost."""
        self.openings = 0
        """How often somebody got through."""

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """Take the last place, and leave the line at the end if not before."""
        place = Place(self)
        try:
            yield place
        finally:
            place.leave()


class Place:
    """A place in a line."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._is_foremost = False
        self._has_left = False
        line.length += 1

    async def turn(self) -> None:
        """Wait until one may try, be it for the first time or again."""
        if self._is_foremost:
            await asyncio.sleep(_AGAIN_SECONDS)
            return
        openings = self._line.openings
        await self._line.front.acquire()
        if self._line.openings == openings:
            self._is_foremost = True
        else:
            self._line.front.release()

    def through(self) -> None:
        """Leave because the component is there, so that the others go on too."""
        self._line.openings += 1
        self.leave()

    def leave(self) -> None:
        """Let the next one be the foremost; nothing when one has left already."""
        if self._has_left:
            return
        self._has_left = True
        self._line.length -= 1
        if self._is_foremost:
            self._line.front.release()
