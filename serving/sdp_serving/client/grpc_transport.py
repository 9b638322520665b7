"""The servers over gRPC: the fast way, for tensors go as bytes."""

import json
from collections.abc import Mapping
from typing import Final

import grpc
from google.protobuf.wrappers_pb2 import Int64Value

from sdp_serving.client import predict_pb2 as pb
from sdp_serving.client.errors import (
    RequestRefusedError,
    ServerError,
    ServerTimeoutError,
    ServerUnreachableError,
    UnexpectedAnswerError,
    VersionGoneError,
)
from sdp_serving.client.tensors import to_array, to_tensor
from sdp_serving.client.transport import Address, Answer, Array, checked, one_line
from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import SignatureName

_PREDICT: Final = "/tensorflow.serving.PredictionService/Predict"
_TRY_AGAIN: Final = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 3,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)
"""A prediction changes nothing, so it can be asked for again. A model server that must go ends the connections that are
kept to it without a word, whatever is under way on them, and the Service leads to another one by then."""

_OPTIONS: Final = (
    # Four images are above the 4 MB that a client accepts unless told otherwise.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # The servers are in the cluster or on loopback, where no proxy leads.
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config", _TRY_AGAIN),
)


class GrpcTransport:
    """TensorFlow Serving's PredictionService of each component."""

    def __init__(self, addresses: Mapping[Component, Address], *, timeout: float) -> None:
        """Open channels; they connect at their first use.

        Args:
            addresses: of each component's server.
            timeout: seconds that one request may take.
        """
        self._timeout = timeout
        self._addresses = addresses
        self._channels = {
            component: grpc.insecure_channel(str(address), options=_OPTIONS) for component, address in addresses.items()
        }

    def predict(
        self, component: Component, signature: SignatureName, inputs: Mapping[str, Array], *, version: int | None = None
    ) -> Answer:
        """Run one signature of `component`."""
        request = pb.PredictRequest(
            model_spec=pb.ModelSpec(
                name=component,
                signature_name=signature,
                version=None if version is None else Int64Value(value=version),
            ),
            inputs={name: to_tensor(array) for name, array in inputs.items()},
        )
        call = self._channels[component].unary_unary(
            _PREDICT,
            request_serializer=pb.PredictRequest.SerializeToString,
            response_deserializer=pb.PredictResponse.FromString,
        )
        try:
            response: pb.PredictResponse = call(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise self._sentence(component, version, error) from error
        try:
            outputs = {name: to_array(tensor) for name, tensor in response.outputs.items()}
        except ValueError as error:
            raise UnexpectedAnswerError(
                f"the {component} answered {error}: serve a model that `sdpipeline export` wrote"
            ) from error
        return checked(component, signature, Answer(outputs, response.model_spec.version.value))

    def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            channel.close()

    def _sentence(self, component: Component, version: int | None, error: grpc.RpcError) -> ServerError:
        assert isinstance(error, grpc.Call), "a unary call's error is its call too"
        where = f"the {component} at {self._addresses[component]}"
        match error.code():
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                return ServerTimeoutError(
                    f"{where} gave no answer within {self._timeout:g} s: ask for fewer steps, or give more time"
                )
            case grpc.StatusCode.UNAVAILABLE:
                return ServerUnreachableError(
                    f"{where} cannot be reached: see with `kubectl get pods` whether its pod is ready, and try again"
                )
            case grpc.StatusCode.NOT_FOUND if version is not None:
                return VersionGoneError(f"{where} does not serve version {version}: ask again without a version")
            case code:
                details = one_line(error.details() or "")
                return RequestRefusedError(f"{where} refused the request ({code.name}): {details}")
