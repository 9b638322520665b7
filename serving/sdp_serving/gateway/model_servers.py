"""The way from the gateway to the model servers, when it draws pictures itself."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from sdp_serving.contract.components import GRPC_PORT, Component
from sdp_serving.contract.routes import Canary, Variant
from sdp_serving.gateway.hold import AwayError, Hold, NoAnswerError
from sdp_serving.gateway.metrics import Metrics
from sdp_serving.generation.calls import Answer, Call, Look, Offer
from sdp_serving.generation.errors import PipelineError, ServerUnreachableError
from sdp_serving.servers.grpc_aio_transport import GrpcAioTransport
from sdp_serving.servers.router import AsyncRouter
from sdp_serving.servers.transport import Address, AsyncTransport

Answered = TypeVar("Answered")


class ModelServers:
    """Opens ways to them.

    Each batch has connections of its own: a kept one stays with the pod that it was made to. All other pods would be
    idle, and it would go on sending requests to one that is about to end.
    """

    def __init__(self, addresses: Mapping[Component, Address], *, seconds: float, hold: Hold, metrics: Metrics) -> None:
        """Give it its parts.

        Args:
            addresses: where each component's gRPC API is.
            seconds: how long one call may take.
            hold: what calls wait in while a component is away.
            metrics: told of each call.
        """
        self._addresses = addresses
        self._seconds = seconds
        self._hold = hold
        self._metrics = metrics

    def open(self, canary: Canary | None, on_ask: Callable[[Component], None]) -> AsyncTransport:
        """A way for one batch, which is to be closed at its end.

        Args:
            canary: the diffusion model that is to draw, if it is not the stable one.
            on_ask: is told whom each call is for.
        """
        servers = GrpcAioTransport(self._addresses, timeout=self._seconds)
        if canary is None or canary.host is None:
            return _Held(servers, self._hold, self._metrics, on_ask, waits_for_canary=True)
        own = {Component.DIFFUSION_MODEL: Address(canary.host, GRPC_PORT)}
        router = AsyncRouter(servers, canary=GrpcAioTransport(own, timeout=self._seconds), others={})
        return _Held(router, self._hold, self._metrics, on_ask, waits_for_canary=False)


class _Held:
    """Calls wait while their component is away, and are timed."""

    def __init__(
        self,
        servers: AsyncTransport,
        hold: Hold,
        metrics: Metrics,
        on_ask: Callable[[Component], None],
        *,
        waits_for_canary: bool,
    ) -> None:
        self._servers = servers
        self._hold = hold
        self._metrics = metrics
        self._on_ask = on_ask
        self._waits_for_canary = waits_for_canary

    async def predict(self, call: Call) -> Answer:
        async def timed() -> Answer:
            with self._metrics.call(call.component):
                return await self._servers.predict(call)

        return await self._answered(call, timed)

    async def look(self, look: Look) -> Offer:
        return await self._answered(look, lambda: self._servers.look(look))

    async def close(self) -> None:
        await self._servers.close()

    async def _answered(self, asked: Call | Look, ask: Callable[[], Awaitable[Answered]]) -> Answered:
        self._on_ask(asked.component)
        if asked.variant is Variant.CANARY and not self._waits_for_canary:
            # The other model is there meanwhile.
            return await ask()

        async def attempt(connected: Callable[[], None]) -> Answered:
            try:
                answered = await ask()
            except ServerUnreachableError as fault:
                raise AwayError(str(fault)) from fault
            except PipelineError:
                connected()
                raise
            connected()
            return answered

        try:
            return await self._hold.send(asked.component, attempt, None)
        except NoAnswerError as failure:
            raise ServerUnreachableError(
                asked.component,
                f"The {asked.component} cannot be reached now: see why with `kubectl get sdpipeline -o wide`",
            ) from failure
