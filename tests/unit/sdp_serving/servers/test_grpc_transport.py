"""The way over gRPC, to a server that is replaced by another one meanwhile."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest

from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.generation.calls import Call
from sdp_serving.generation.errors import ServerUnreachableError
from sdp_serving.servers import predict_pb2 as pb
from sdp_serving.servers.grpc_transport import GrpcTransport
from sdp_serving.servers.tensors import to_tensor
from sdp_serving.servers.transport import Address

_LATENT = np.zeros((1, 8, 8, 4), np.float32)
_CONTEXT = np.zeros((1, 77, 768), np.float32)


class _Server(grpc.GenericRpcHandler):
    """Is about to end for some requests, and answers those that follow."""

    def __init__(self) -> None:
        self.cuts = 0
        self.asked = 0

    def service(self, _: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        return grpc.unary_unary_rpc_method_handler(self._predict)

    def _predict(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        self.asked += 1
        if self.cuts:
            self.cuts -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return pb.PredictResponse(outputs={"latent": to_tensor(_LATENT)}).SerializeToString()


@pytest.fixture
def served() -> Iterator[tuple[_Server, GrpcTransport]]:
    handler = _Server()
    server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    transport = GrpcTransport({Component.DIFFUSION_MODEL: Address("127.0.0.1", port)}, timeout=30)
    yield handler, transport
    transport.close()
    server.stop(None).wait()


def _draw(transport: GrpcTransport) -> None:
    # As large as Stable Diffusion's: gRPC keeps only so much of a call, in order to send it again.
    inputs = {"context": _CONTEXT, "unconditional_context": _CONTEXT}
    answer = transport.predict(Call(Component.DIFFUSION_MODEL, SignatureName.TEXT_TO_IMAGE, inputs))
    assert np.array_equal(answer.outputs["latent"], _LATENT)


def test_a_request_that_a_server_ends_with_is_sent_to_the_next_one(served: tuple[_Server, GrpcTransport]) -> None:
    server, transport = served
    server.cuts = 2
    _draw(transport)
    assert server.asked == 3


def test_a_server_that_stays_away_is_told_after_a_few_tries(served: tuple[_Server, GrpcTransport]) -> None:
    server, transport = served
    server.cuts = 100
    with pytest.raises(ServerUnreachableError):
        _draw(transport)
    assert server.asked == 4
