"""One transport made of several: a canary's own server, and components that are elsewhere."""

from collections.abc import Mapping

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant
from sdp_serving.generation.calls import Answer, Call, Look, Offer
from sdp_serving.servers.transport import AsyncTransport, Transport


class Router:
    """Asks each component where it is."""

    def __init__(
        self, transport: Transport, *, canary: Transport | None = None, others: Mapping[Component, Transport]
    ) -> None:
        """Take them over: closing this closes all.

        Args:
            transport: of the components that are not among the others.
            canary: of a canary that has a server of its own.
            others: of components that are elsewhere.
        """
        self._transport = transport
        self._canary = canary
        self._others = others

    def predict(self, call: Call) -> Answer:
        """Run one signature."""
        return self._way(call).predict(call)

    def look(self, look: Look) -> Offer:
        """What a model can do."""
        return self._way(look).look(look)

    def close(self) -> None:
        """Close all."""
        for one in (self._transport, self._canary, *self._others.values()):
            if one is not None:
                one.close()

    def _way(self, asked: Call | Look) -> Transport:
        if asked.variant is Variant.CANARY and self._canary is not None:
            return self._canary
        return self._others.get(asked.component, self._transport)


class AsyncRouter:
    """As `Router`, for asyncio."""

    def __init__(
        self,
        transport: AsyncTransport,
        *,
        canary: AsyncTransport | None = None,
        others: Mapping[Component, AsyncTransport],
    ) -> None:
        """As `Router`."""
        self._transport = transport
        self._canary = canary
        self._others = others

    async def predict(self, call: Call) -> Answer:
        """Run one signature."""
        return await self._way(call).predict(call)

    async def look(self, look: Look) -> Offer:
        """What a model can do."""
        return await self._way(look).look(look)

    async def close(self) -> None:
        """Close all."""
        for one in (self._transport, self._canary, *self._others.values()):
            if one is not None:
                await one.close()

    def _way(self, asked: Call | Look) -> AsyncTransport:
        if asked.variant is Variant.CANARY and self._canary is not None:
            return self._canary
        return self._others.get(asked.component, self._transport)
