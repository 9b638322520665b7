"""Bodies of requests, kept while they pass so that they can be sent again."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import StreamReader

from sdp_serving.gateway.room import Room

MOST_BYTES: Final = 32 * 1024 * 1024
"""A larger body passes without being kept."""


class KeptBody:
    """The body of one request, as its client sends it."""

    def __init__(self, content: StreamReader, length: int | None, room: Room) -> None:
        """Give it its parts.

        Args:
            content: where the body comes from.
            length: what its client says of its length, if anything.
            room: what is kept takes its place there.
        """
        self._content = content
        self._room = room
        self._kept: list[bytes] = []
        self._size = 0
        self._is_kept = length is None or length <= MOST_BYTES
        self._has_ended = False
        self._reading = asyncio.Lock()

    @property
    def is_kept(self) -> bool:
        """Whether all of it that has come so far can be sent again."""
        return self._is_kept

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it from its beginning, if it is kept; else what has not been read yet."""
        place = 0
        while piece := await self._piece(place):
            place += 1
            yield piece

    async def keep_whole(self) -> bool:
        """Read it to its end. Returns whether it could be kept."""
        while self._is_kept and not self._has_ended:
            await self._piece(len(self._kept))
        return self._is_kept

    def forget(self) -> None:
        """Keep it no more."""
        self._room.give(self._size)
        self._size = 0
        self._kept.clear()
        self._is_kept = False

    async def _piece(self, place: int) -> bytes:
        # One at a time: an attempt that has failed may not have let go yet when the next one begins.
        async with self._reading:
            if place < len(self._kept):
                return self._kept[place]
            if self._has_ended:
                return b""
            piece = await self._content.readany()
            self._has_ended = not piece
            if piece and self._is_kept:
                self._keep(piece)
            return piece

    def _keep(self, piece: bytes) -> None:
        if self._size + len(piece) <= MOST_BYTES and self._room.take(len(piece)):
            self._size += len(piece)
            self._kept.append(piece)
        else:
            self.forget()
