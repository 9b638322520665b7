"""The way from the gateway to model servers that end, are away or are slow; the servers are on real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import grpc
import numpy as np
import pytest
from grpc import aio
from tests.support.gateway_front import until
from tests.support.ports import free_ports

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Canary, Variant
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.gateway import model_servers
from sdp_serving.gateway.hold import Hold
from sdp_serving.gateway.metrics import Metrics
from sdp_serving.gateway.model_servers import ModelServers, ServerEndedError
from sdp_serving.generation.calls import Answer, Call, Look
from sdp_serving.generation.errors import NotOfferedError, ServerUnreachableError, VersionGoneError
from sdp_serving.servers import predict_pb2 as pb
from sdp_serving.servers.grpc_messages import PREDICT
from sdp_serving.servers.tensors import to_tensor
from sdp_serving.servers.transport import Address, AsyncTransport

UNET = Component.DIFFUSION_MODEL
LATENT = np.zeros((1, 8, 8, 4), np.float32)
CONTEXT = np.zeros((1, 77, 768), np.float32)
DRAW = Call(UNET, SignatureName.TEXT_TO_IMAGE, {"context": CONTEXT, "unconditional_context": CONTEXT})

Behave = Callable[[aio.ServicerContext[bytes, bytes]], Awaitable[None]]


async def answer(_: aio.ServicerContext[bytes, bytes]) -> None:
    """Say nothing against a call."""


async def end(context: aio.ServicerContext[bytes, bytes]) -> None:
    """As a server's end looks to its clients."""
    await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")


@dataclass
class Server(grpc.GenericRpcHandler):
    """Draws as it is told to, as soon as it listens.

    Attributes:
        behave: what it does before each answer.
        asked: how often it was.
    """

    behave: Behave = answer
    asked: int = 0
    port: int = field(default_factory=lambda: free_ports(1)[0])

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = aio.server()
        server.add_generic_rpc_handlers((self,))
        server.add_insecure_port(f"127.0.0.1:{self.port}")
        await server.start()
        try:
            yield
        finally:
            await server.stop(0)

    def service(self, call: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        return grpc.unary_unary_rpc_method_handler(self._draw) if call.method == PREDICT else None

    async def _draw(self, _: bytes, context: aio.ServicerContext[bytes, bytes]) -> bytes:
        self.asked += 1
        await self.behave(context)
        return pb.PredictResponse(outputs={"latent": to_tensor(LATENT)}).SerializeToString()


@dataclass
class Way:
    """What a batch has.

    Attributes:
        servers: leads to them.
        hold: what its calls wait in.
        metrics: told of them.
        asked: whom they were for.
    """

    servers: AsyncTransport
    hold: Hold
    metrics: Metrics
    asked: list[Component]

    def holds(self) -> bool:
        return b'held_requests{component="diffusion-model"} 1.0' in self.metrics.render()

    async def draw(self, call: Call = DRAW) -> Answer:
        return await asyncio.wait_for(self.servers.predict(call), 20)


@asynccontextmanager
async def way(port: int, *, hold_seconds: float = 60, canary: Canary | None = None) -> AsyncIterator[Way]:
    metrics = Metrics([UNET], clock=lambda: 0.0)
    hold = Hold([UNET], metrics, seconds=hold_seconds)
    asked: list[Component] = []
    servers = ModelServers({UNET: Address("127.0.0.1", port)}, seconds=30, hold=hold, metrics=metrics).open(
        canary, asked.append
    )
    try:
        yield Way(servers, hold, metrics, asked)
    finally:
        await servers.close()


def test_a_call_that_ends_every_server_is_given_up_after_three() -> None:
    async def scenario() -> None:
        server = Server(end)
        async with server.listening(), way(server.port) as found:
            with pytest.raises(ServerEndedError, match="The diffusion-model ended the connection"):
                await found.draw()
        assert server.asked == 3

    asyncio.run(scenario())


def test_a_call_whose_server_ends_is_sent_to_the_next_one() -> None:
    async def scenario() -> None:
        server = Server()

        async def end_twice(context: aio.ServicerContext[bytes, bytes]) -> None:
            if server.asked < 3:
                await end(context)

        server.behave = end_twice
        async with server.listening(), way(server.port) as found:
            assert np.array_equal((await found.draw()).outputs["latent"], LATENT)
        assert server.asked == 3

    asyncio.run(scenario())


def test_a_call_whose_server_is_replaced_is_answered_by_the_next_one() -> None:
    async def scenario() -> None:
        server, begun = Server(), asyncio.Event()

        async def work_for_ever(_: aio.ServicerContext[bytes, bytes]) -> None:
            begun.set()
            await asyncio.Event().wait()

        async with way(server.port) as found:
            server.behave = work_for_ever
            async with server.listening():
                draws = asyncio.create_task(found.draw())
                await asyncio.wait_for(begun.wait(), 20)
            await until(found.holds, "the call is held")
            server.behave = answer
            async with server.listening():
                assert np.array_equal((await draws).outputs["latent"], LATENT)
        assert server.asked == 2

    asyncio.run(scenario())


def test_what_is_not_held_is_sent_once() -> None:
    async def scenario() -> None:
        server = Server(end)
        async with server.listening(), way(server.port, hold_seconds=0) as found:
            with pytest.raises(ServerEndedError):
                await found.draw()
        assert server.asked == 1
        async with way(server.port, hold_seconds=0) as found:
            with pytest.raises(ServerUnreachableError, match="cannot be reached now") as raised:
                await found.draw()
        assert not isinstance(raised.value, ServerEndedError)

    asyncio.run(scenario())


def test_a_call_waits_for_its_server_and_then_takes_as_long_as_it_takes() -> None:
    async def scenario() -> None:
        server = Server()
        async with way(server.port) as found:
            waits = asyncio.create_task(found.draw())
            await until(found.holds, "the call is held")
            asked_meanwhile = server.asked

            async def work(_: aio.ServicerContext[bytes, bytes]) -> None:
                # Whatever still waits is at its end with this.
                found.hold.end_within(0)
                await asyncio.sleep(0.1)

            server.behave = work
            async with server.listening():
                assert np.array_equal((await waits).outputs["latent"], LATENT)
        assert (asked_meanwhile, server.asked) == (0, 1)

    asyncio.run(scenario())


def test_a_component_that_the_pipeline_lacks_is_told_before_anything_is_held() -> None:
    async def scenario() -> None:
        async with way(free_ports(1)[0]) as found:
            with pytest.raises(NotOfferedError, match="there is no image-encoder"):
                await found.servers.look(Look(Component.IMAGE_ENCODER))
        assert found.asked == []

    asyncio.run(scenario())


def test_nobody_waits_for_a_server_of_the_canary_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        server, own = Server(), Server(end)
        monkeypatch.setattr(model_servers, "GRPC_PORT", own.port)
        canary = Canary(percent=100, model="gs://b/unet/2", host="127.0.0.1")
        of_canary = replace(DRAW, variant=Variant.CANARY)
        async with server.listening(), way(server.port, canary=canary) as found:
            async with own.listening():
                with pytest.raises(ServerUnreachableError):
                    await found.draw(of_canary)
            with pytest.raises(ServerUnreachableError):
                await found.draw(of_canary)
            assert (own.asked, server.asked) == (1, 0)
            await found.draw()
            assert (own.asked, server.asked) == (1, 1)

    asyncio.run(scenario())


def test_what_a_server_refuses_is_not_sent_again() -> None:
    async def gone(context: aio.ServicerContext[bytes, bytes]) -> None:
        await context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found for request: Specific(unet, 3)")

    async def scenario() -> None:
        server = Server(gone)
        async with server.listening(), way(server.port) as found:
            with pytest.raises(VersionGoneError):
                await found.draw(replace(DRAW, version=3))
        assert server.asked == 1

    asyncio.run(scenario())
