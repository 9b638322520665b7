"""The servers over gRPC: the fast way, for tensors go as bytes."""

from collections.abc import Mapping

import grpc

from sdp_serving.contract.components import Component
from sdp_serving.generation.calls import Answer, Call, Look, Offer
from sdp_serving.servers import predict_pb2 as pb
from sdp_serving.servers.grpc_messages import (
    METADATA,
    PREDICT,
    TRYING_AGAIN,
    metadata_request,
    predict_request,
    read_answer,
    read_offer,
    sentence,
)
from sdp_serving.servers.transport import Address, of_component


class GrpcTransport:
    """TensorFlow Serving's PredictionService of each component. A call whose server ends is made again a few times."""

    def __init__(self, addresses: Mapping[Component, Address], *, timeout: float) -> None:
        """Open channels; they connect at their first use.

        Args:
            addresses: of each component's server.
            timeout: seconds that one request may take.
        """
        self._timeout = timeout
        self._addresses = addresses
        self._channels = {
            component: grpc.insecure_channel(str(address), options=TRYING_AGAIN)
            for component, address in addresses.items()
        }

    def predict(self, call: Call) -> Answer:
        """Run one signature."""
        run = of_component(call.component, self._channels).unary_unary(
            PREDICT,
            request_serializer=pb.PredictRequest.SerializeToString,
            response_deserializer=pb.PredictResponse.FromString,
        )
        try:
            response: pb.PredictResponse = run(predict_request(call), timeout=self._timeout)
        except grpc.RpcError as error:
            raise sentence(call, self._addresses[call.component], self._timeout, error) from error
        return read_answer(call, response)

    def look(self, look: Look) -> Offer:
        """What a model can do."""
        tell = of_component(look.component, self._channels).unary_unary(
            METADATA,
            request_serializer=pb.GetModelMetadataRequest.SerializeToString,
            response_deserializer=pb.GetModelMetadataResponse.FromString,
        )
        try:
            response: pb.GetModelMetadataResponse = tell(metadata_request(look), timeout=self._timeout)
        except grpc.RpcError as error:
            raise sentence(look, self._addresses[look.component], self._timeout, error) from error
        return read_offer(look, response)

    def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            channel.close()
