"""Transports that block, for asyncio: each call runs in a thread."""

import asyncio

from sdp_serving.generation.calls import Answer, Call, Look, Offer
from sdp_serving.servers.transport import Transport


class Threaded:
    """A blocking transport as an AsyncTransport.

    A call that is cancelled runs on in its thread, to nobody; no call follows it.
    """

    def __init__(self, transport: Transport) -> None:
        """Take a transport over: closing this closes it."""
        self._transport = transport

    async def predict(self, call: Call) -> Answer:
        """Run one signature."""
        return await asyncio.to_thread(self._transport.predict, call)

    async def look(self, look: Look) -> Offer:
        """What a model can do."""
        return await asyncio.to_thread(self._transport.look, look)

    async def close(self) -> None:
        """Close it."""
        self._transport.close()
