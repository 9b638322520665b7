"""One transport made of several: a canary's own server, and components that are elsewhere."""

from collections.abc import Mapping
from typing import TypeVar

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant
from sdp_serving.generation.calls import Answer, Call, Look, Offer
from sdp_serving.servers.transport import AsyncTransport, Transport

T = TypeVar("T")


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
        self._ways = (transport, canary, others)

    def predict(self, call: Call) -> Answer:
        """Run one signature."""
        return _way(call, *self._ways).predict(call)

    def look(self, look: Look) -> Offer:
        """What a model can do."""
        return _way(look, *self._ways).look(look)

    def close(self) -> None:
        """Close all."""
        for one in _all(*self._ways):
            one.close()


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
        self._ways = (transport, canary, others)

    async def predict(self, call: Call) -> Answer:
        """Run one signature."""
        return await _way(call, *self._ways).predict(call)

    async def look(self, look: Look) -> Offer:
        """What a model can do."""
        return await _way(look, *self._ways).look(look)

    async def close(self) -> None:
        """Close all."""
        for one in _all(*self._ways):
            await one.close()


def _way(asked: Call | Look, transport: T, canary: T | None, others: Mapping[Component, T]) -> T:
    if asked.variant is Variant.CANARY and canary is not None:
        return canary
    return others.get(asked.component, transport)


def _all(transport: T, canary: T | None, others: Mapping[Component, T]) -> list[T]:
    return [transport, *([] if canary is None else [canary]), *others.values()]
