"""The way from the gateway to the model servers, when it draws pictures itself."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from sdp_serving.contract.components import GRPC_PORT, Component
from sdp_serving.contract.routes import Canary, Variant
from sdp_serving.gateway.hold import AwayError, CutError, Hold, NoAnswerError, told
from sdp_serving.gateway.metrics import Metrics
from sdp_serving.generation.calls import Answer, Call, Look, Offer
from sdp_serving.generation.errors import ServerUnreachableError
from sdp_serving.servers.grpc_aio_transport import GrpcAioTransport
from sdp_serving.servers.transport import Address, AsyncTransport

Answered = TypeVar("Answered")


class ServerEndedError(ServerUnreachableError):
    """It ended the connection instead of answering, as often as it was asked: maybe because of what it was asked."""


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
        own = None
        if canary is not None and canary.host is not None:
            own = self._lead({Component.DIFFUSION_MODEL: Address(canary.host, GRPC_PORT)})
        return _Held(self._lead(self._addresses), own, self._hold, self._metrics, on_ask)

    def _lead(self, addresses: Mapping[Component, Address]) -> GrpcAioTransport:
        # The hold sends again.
        return GrpcAioTransport(addresses, timeout=self._seconds, tries_again=False)


class _Held:
    """Calls wait while their component is away, and are timed."""

    def __init__(
        self,
        servers: GrpcAioTransport,
        canary: GrpcAioTransport | None,
        hold: Hold,
        metrics: Metrics,
        on_ask: Callable[[Component], None],
    ) -> None:
        self._servers = servers
        self._canary = canary
        self._hold = hold
        self._metrics = metrics
        self._on_ask = on_ask

    async def predict(self, call: Call) -> Answer:
        async def timed(servers: GrpcAioTransport) -> Answer:
            with self._metrics.call(call.component):
                return await servers.predict(call)

        return await self._answered(call, timed)

    async def look(self, look: Look) -> Offer:
        return await self._answered(look, lambda servers: servers.look(look))

    async def close(self) -> None:
        await self._servers.close()
        if self._canary is not None:
            await self._canary.close()

    async def _answered(self, asked: Call | Look, ask: Callable[[GrpcAioTransport], Awaitable[Answered]]) -> Answered:
        self._servers.require(asked)
        self._on_ask(asked.component)
        if asked.variant is Variant.CANARY and self._canary is not None:
            # Nobody waits for a server of its own: the other model is there meanwhile.
            return await ask(self._canary)

        async def attempt(connected: Callable[[], None]) -> Answered:
            try:
                await self._servers.connect(asked)
            except ServerUnreachableError as fault:
                raise AwayError(str(fault)) from fault
            connected()
            try:
                return await ask(self._servers)
            except ServerUnreachableError as fault:
                raise CutError(str(fault)) from fault

        try:
            return await self._hold.send(asked.component, attempt, None)
        except NoAnswerError as failure:
            kind = ServerEndedError if isinstance(failure, CutError) else ServerUnreachableError
            raise kind(asked.component, told(asked.component, failure)) from failure
