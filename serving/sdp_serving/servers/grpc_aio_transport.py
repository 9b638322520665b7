"""The servers over gRPC, for asyncio."""

import asyncio
from collections.abc import Mapping

import grpc
from grpc import aio

from sdp_serving.contract.components import Component
from sdp_serving.generation.calls import Answer, Call, Look, Offer
from sdp_serving.servers import predict_pb2 as pb
from sdp_serving.servers.grpc_messages import (
    CONNECT_SECONDS,
    METADATA,
    OPTIONS,
    PREDICT,
    TRYING_AGAIN,
    metadata_request,
    predict_request,
    read_answer,
    read_offer,
    sentence,
    unreachable,
)
from sdp_serving.servers.transport import Address, of_component


class GrpcAioTransport:
    """TensorFlow Serving's PredictionService of each component. A cancelled call is given up at the server too."""

    def __init__(self, addresses: Mapping[Component, Address], *, timeout: float, tries_again: bool = True) -> None:
        """Open channels in the running event loop; they connect at their first use.

        Args:
            addresses: of each component's server.
            timeout: seconds that one request may take.
            tries_again: whether a call whose server ends is made again a few times, if the caller does not do so.
        """
        self._timeout = timeout
        self._addresses = addresses
        options = TRYING_AGAIN if tries_again else OPTIONS
        self._channels = {
            component: aio.insecure_channel(str(address), options=options) for component, address in addresses.items()
        }

    def require(self, asked: Call | Look) -> None:
        """Check that there is an address for this.

        Raises:
            NotOfferedError: there is none.
        """
        of_component(asked.component, self._addresses)

    async def connect(self, asked: Call | Look) -> None:
        """Wait until there is a connection for this; there may be one already.

        Raises:
            NotOfferedError: there is no such component.
            ServerUnreachableError: there is none.
        """
        channel = of_component(asked.component, self._channels)
        try:
            async with asyncio.timeout(min(self._timeout, CONNECT_SECONDS)):
                while (state := channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
                    if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                        raise unreachable(asked, self._addresses[asked.component])
                    await channel.wait_for_state_change(state)
        except TimeoutError as error:
            raise unreachable(asked, self._addresses[asked.component]) from error

    async def predict(self, call: Call) -> Answer:
        """Run one signature."""
        run = of_component(call.component, self._channels).unary_unary(
            PREDICT,
            request_serializer=pb.PredictRequest.SerializeToString,
            response_deserializer=pb.PredictResponse.FromString,
        )
        try:
            response: pb.PredictResponse = await run(predict_request(call), timeout=self._timeout)
        except grpc.RpcError as error:
            raise sentence(call, self._addresses[call.component], self._timeout, error) from error
        return read_answer(call, response)

    async def look(self, look: Look) -> Offer:
        """What a model can do."""
        tell = of_component(look.component, self._channels).unary_unary(
            METADATA,
            request_serializer=pb.GetModelMetadataRequest.SerializeToString,
            response_deserializer=pb.GetModelMetadataResponse.FromString,
        )
        try:
            response: pb.GetModelMetadataResponse = await tell(metadata_request(look), timeout=self._timeout)
        except grpc.RpcError as error:
            raise sentence(look, self._addresses[look.component], self._timeout, error) from error
        return read_offer(look, response)

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            await channel.close()
