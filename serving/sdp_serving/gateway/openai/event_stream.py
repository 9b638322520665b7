"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from typing import Final

from aiohttp import web
from pydantic import BaseModel

_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    # nginx, which often stands in front, would keep events back to send many at once.
    "X-Accel-Buffering": "no",
}


class EventStream:
    """The answer to one request; it begins with its first event."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._response = web.StreamResponse(headers=_HEADERS)

    @property
    def has_begun(self) -> bool:
        """Whether something was sent, so that the answer's status cannot be changed any more."""
        return self._response.prepared

    async def send(self, name: str, content: BaseModel) -> None:
        """Send an event."""
        await self._write(f"event: {name}\ndata: {content.model_dump_json(exclude_none=True)}\n\n")

    async def send_nothing(self) -> None:
        """Send a line that says nothing, so that nobody on the way takes the connection for dead."""
        await self._write(":\n\n")

    async def end(self) -> web.StreamResponse:
        """Send no more."""
        await self._response.write_eof()
        return self._response

    async def _write(self, text: str) -> None:
        if not self._response.prepared:
            await self._response.prepare(self._request)
        await self._response.write(text.encode())
