"""The way over gRPC for asyncio, to a server that is replaced, slow or not there."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import grpc
import numpy as np
import pytest
from tests.support.ports import free_ports

from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.generation.calls import Answer, Call, Look
from sdp_serving.generation.errors import (
    RequestRefusedError,
    ServerTimeoutError,
    ServerUnreachableError,
    VersionGoneError,
)
from sdp_serving.servers import predict_pb2 as pb
from sdp_serving.servers.grpc_aio_transport import GrpcAioTransport
from sdp_serving.servers.tensors import to_tensor
from sdp_serving.servers.transport import Address

PICTURE = np.zeros((1, 8, 8, 3), np.uint8)
ENOUGH = 5
DECODER = Component.DECODER
DECODE = Call(DECODER, SignatureName.DEFAULT, {"latent": np.zeros((1, 1, 1, 4), np.float32)})


class Server(grpc.GenericRpcHandler):
    """Answers as it is told to."""

    def __init__(self) -> None:
        self.faults: list[grpc.StatusCode] = []
        """Its answers before it answers well."""
        self.count = 0
        self.asked = threading.Event()
        self.left = threading.Event()
        """Set when a client has given up a call."""
        self.is_slow = False

    def service(self, _: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        self.count += 1
        if self.faults:
            context.abort(self.faults.pop(0), "Socket closed")
        if self.is_slow:
            context.add_callback(self.left.set)
            self.asked.set()
            self.left.wait(30)
        return pb.PredictResponse(outputs={"images": to_tensor(PICTURE)}).SerializeToString()


@pytest.fixture
def server() -> Iterator[tuple[Server, Address]]:
    handler = Server()
    running = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    address = Address("127.0.0.1", running.add_insecure_port("127.0.0.1:0"))
    running.start()
    yield handler, address
    handler.left.set()
    running.stop(None).wait()


async def predict(address: Address, call: Call = DECODE, seconds: float = 30, *, tries_again: bool = True) -> Answer:
    transport = GrpcAioTransport({DECODER: address}, timeout=seconds, tries_again=tries_again)
    try:
        return await transport.predict(call)
    finally:
        await transport.close()


async def connect(address: Address, seconds: float = 30) -> None:
    transport = GrpcAioTransport({DECODER: address}, timeout=seconds)
    try:
        await asyncio.wait_for(transport.connect(DECODE), 20)
    finally:
        await transport.close()


def test_a_request_that_a_server_ends_with_is_sent_to_the_next_one(server: tuple[Server, Address]) -> None:
    handler, address = server
    handler.faults = [grpc.StatusCode.UNAVAILABLE] * 2
    # As large as the contexts of Stable Diffusion: gRPC keeps only so much of a call, in order to send it again.
    large = replace(DECODE, inputs={"latent": np.zeros((2, 77, 768), np.float32)})
    assert np.array_equal(asyncio.run(predict(address, large)).outputs["images"], PICTURE)


def test_a_request_is_sent_once_where_the_caller_sends_it_again(server: tuple[Server, Address]) -> None:
    handler, address = server
    handler.faults = [grpc.StatusCode.UNAVAILABLE] * 2
    with pytest.raises(ServerUnreachableError):
        asyncio.run(predict(address, tries_again=False))
    assert len(handler.faults) == 1


def test_connecting_sends_nothing_and_tells_at_once_whether_a_server_is_there(server: tuple[Server, Address]) -> None:
    handler, address = server
    asyncio.run(connect(address))
    assert handler.count == 0
    with pytest.raises(ServerUnreachableError, match=r"the decoder at .* cannot be reached"):
        asyncio.run(connect(Address("127.0.0.1", free_ports(1)[0])))


def test_a_server_that_accepts_and_says_nothing_counts_as_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ServerUnreachableError):
        asyncio.run(connect(Address("127.0.0.1", silent.getsockname()[1]), seconds=0.5))


def test_a_server_that_is_away_is_looked_for_about_every_second() -> None:
    async def scenario() -> None:
        tried, tries = asyncio.Event(), 0

        def end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal tries
            tries += 1
            writer.close()
            if tries == ENOUGH:
                tried.set()

        async with await asyncio.start_server(end, "127.0.0.1", 0) as listening:
            transport = GrpcAioTransport({DECODER: Address(*listening.sockets[0].getsockname())}, timeout=30)
            with pytest.raises(ServerUnreachableError):
                await transport.connect(DECODE)
            # gRPC itself would need more than nine.
            await asyncio.wait_for(tried.wait(), 6)
            await transport.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("code", "version", "error"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, None, RequestRefusedError),
        (grpc.StatusCode.INTERNAL, None, RequestRefusedError),
        (grpc.StatusCode.NOT_FOUND, None, RequestRefusedError),
        (grpc.StatusCode.NOT_FOUND, 3, VersionGoneError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, None, ServerTimeoutError),
    ],
)
def test_a_refusal_is_not_asked_for_again(
    server: tuple[Server, Address], code: grpc.StatusCode, version: int | None, error: type[Exception]
) -> None:
    handler, address = server
    handler.faults = [code, code]
    with pytest.raises(error) as raised:
        asyncio.run(predict(address, Call(DECODER, SignatureName.DEFAULT, DECODE.inputs, version=version)))
    assert type(raised.value) is error
    assert len(handler.faults) == 1


def test_nobody_there_and_nobody_in_time_are_told(server: tuple[Server, Address]) -> None:
    handler, address = server
    handler.is_slow = True
    with pytest.raises(ServerTimeoutError, match=r"gave no answer within 0\.2 s"):
        asyncio.run(predict(address, seconds=0.2))
    with pytest.raises(ServerUnreachableError):
        asyncio.run(predict(Address("127.0.0.1", free_ports(1)[0])))


def test_a_call_that_is_cancelled_is_given_up_at_the_server(server: tuple[Server, Address]) -> None:
    handler, address = server
    handler.is_slow = True

    async def cancel() -> None:
        calling = asyncio.create_task(predict(address))
        await asyncio.to_thread(handler.asked.wait, 20)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling

    asyncio.run(cancel())
    assert handler.left.wait(20)


def test_a_component_without_an_address_is_told() -> None:
    async def look() -> None:
        transport = GrpcAioTransport({}, timeout=1)
        await transport.look(Look(Component.IMAGE_ENCODER))

    with pytest.raises(Exception, match="there is no image-encoder"):
        asyncio.run(look())
