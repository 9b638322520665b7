"""Calls and answers as gRPC's messages, and gRPC's errors as ours: what its two transports share."""

import json
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import Int64Value

from sdp_serving.contract.components import Component
from sdp_serving.generation.calls import Answer, Call, Look, Offer
from sdp_serving.generation.errors import (
    ServerError,
    ServerTimeoutError,
    ServerUnreachableError,
    UnexpectedAnswerError,
    VersionGoneError,
)
from sdp_serving.servers import predict_pb2 as pb
from sdp_serving.servers.offers import METADATA_FIELD, offer_of_message
from sdp_serving.servers.tensors import to_array, to_tensor
from sdp_serving.servers.transport import Address, checked, refused

_SERVICE: Final = "/tensorflow.serving.PredictionService"
PREDICT: Final = f"{_SERVICE}/Predict"
METADATA: Final = f"{_SERVICE}/GetModelMetadata"

CONNECT_SECONDS: Final = 5.0
"""How long a server may take to accept a connection. What it does with a call takes as long as it takes."""

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

OPTIONS: Final = (
    # Four images are above the 4 MB that a client accepts unless told otherwise.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # The servers are in the cluster or on loopback, where no proxy leads.
    ("grpc.enable_http_proxy", 0),
    # Channels to one Service have connections of their own, and so may lead to different pods of it.
    ("grpc.use_local_subchannel_pool", 1),
    # A server that comes back is found within about a second; gRPC's own pauses grow to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # In spite of its name the time that one connection may take.
    ("grpc.min_reconnect_backoff_ms", int(CONNECT_SECONDS * 1000)),
)

TRYING_AGAIN: Final = (
    *OPTIONS,
    ("grpc.service_config", _TRY_AGAIN),
    # No larger call is sent again. It is 256 KiB unless told otherwise, and one picture's contexts take more.
    ("grpc.per_rpc_retry_buffer_size", 1 << 30),
)
"""As `OPTIONS`, for who does not send calls again otherwise."""


def predict_request(call: Call) -> pb.PredictRequest:
    """The message of a call."""
    return pb.PredictRequest(
        model_spec=_spec(call.component, call.version, call.signature),
        inputs={name: to_tensor(array) for name, array in call.inputs.items()},
        output_filter=call.outputs,
    )


def metadata_request(look: Look) -> pb.GetModelMetadataRequest:
    """The message of a question what a model can do."""
    return pb.GetModelMetadataRequest(model_spec=_spec(look.component, look.version), metadata_field=[METADATA_FIELD])


def read_answer(call: Call, response: pb.PredictResponse) -> Answer:
    """The answer to a call.

    Raises:
        UnexpectedAnswerError: when it is none.
    """
    try:
        outputs = {name: to_array(tensor) for name, tensor in response.outputs.items()}
    except ValueError as error:
        raise UnexpectedAnswerError(
            call.component, f"the {call.component} answered {error}: serve a model that `sdpipeline export` wrote"
        ) from error
    return checked(call, Answer(outputs, response.model_spec.version.value))


def read_offer(look: Look, response: pb.GetModelMetadataResponse) -> Offer:
    """The answer to a question what a model can do.

    Raises:
        UnexpectedAnswerError: when it is none.
    """
    try:
        return offer_of_message(response)
    except (ValueError, DecodeError) as error:
        raise UnexpectedAnswerError(
            look.component, f"the {look.component} did not tell its signatures: check what listens there"
        ) from error


def sentence(asked: Call | Look, address: Address, timeout: float, error: Any) -> ServerError:
    """What a person is told of a failed call.

    Args:
        asked: what was asked.
        address: of the server.
        timeout: seconds that it might take.
        error: gRPC's, with `code()` and `details()`.
    """
    where = f"the {asked.component} at {address}"
    match error.code():
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return ServerTimeoutError(
                asked.component,
                f"{where} gave no answer within {timeout:g} s: ask for fewer steps, or give more time",
            )
        case grpc.StatusCode.UNAVAILABLE:
            return unreachable(asked, address)
        case grpc.StatusCode.NOT_FOUND if asked.version is not None:
            return VersionGoneError(
                asked.component, f"{where} does not serve version {asked.version}: ask again without a version"
            )
        case code:
            return refused(
                asked.component,
                error.details() or "",
                code=code.name,
                where=where,
                is_clients_fault=code is grpc.StatusCode.INVALID_ARGUMENT,
            )


def unreachable(asked: Call | Look, address: Address) -> ServerUnreachableError:
    """What a person is told of a server that is not there, or has just gone."""
    return ServerUnreachableError(
        asked.component,
        f"the {asked.component} at {address} cannot be reached: see with `kubectl get pods` whether its pod is ready,"
        " and try again",
    )


def _spec(component: Component, version: int | None, signature: str = "") -> pb.ModelSpec:
    return pb.ModelSpec(
        name=component,
        signature_name=signature,
        version=None if version is None else Int64Value(value=version),
    )
