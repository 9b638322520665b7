"""What goes wrong on the way from a request to its pictures, as the client is told."""

from typing import Final

from sdp_serving.gateway.openai.refusal import RefusedError
from sdp_serving.gateway.queueing.scheduler import QueueFullError
from sdp_serving.gateway.studio import WaitedTooLongError
from sdp_serving.generation.errors import (
    InvalidRequestError,
    NotOfferedError,
    PipelineError,
    RequestRefusedError,
    ServerError,
    ServerTimeoutError,
    ServerUnreachableError,
)

_RETRY_AFTER: Final = {"Retry-After": "10"}
"""In seconds: about as long as a model server takes to come back at the least."""


Fault = (RefusedError, PipelineError, QueueFullError, WaitedTooLongError, TimeoutError)
"""What a client is told of."""


def refusal_of_fault(fault: Exception) -> RefusedError:
    """What the client is told of one of `Fault`."""
    message = str(fault)
    message = message[:1].upper() + message[1:]
    match fault:
        case RefusedError():
            return fault
        case TimeoutError():
            return RefusedError(408, "The request did not come to its end in time: send it again", code="timeout")
        case WaitedTooLongError():
            return RefusedError(
                503,
                "Others were drawn meanwhile, and the turn of this request did not come in time: try again later",
                code="queue_timeout",
                headers=_RETRY_AFTER,
            )
        case QueueFullError():
            return RefusedError(
                429,
                f"Too many requests wait already: try again in {fault.retry_seconds} s",
                code="queue_full",
                headers={"Retry-After": str(fault.retry_seconds)},
            )
        case InvalidRequestError():
            return RefusedError(400, message, code="invalid_value")
        case NotOfferedError():
            return RefusedError(400, message, code="not_offered")
        case ServerUnreachableError():
            return RefusedError(503, message, code=fault.component, headers=_RETRY_AFTER)
        case ServerTimeoutError():
            return RefusedError(504, message, code=fault.component)
        case RequestRefusedError(is_clients_fault=True):
            return RefusedError(400, message, code=fault.component)
        case ServerError():
            return RefusedError(502, message, code=fault.component)
    return RefusedError(500, message)


def is_shared_fault(fault: Exception) -> bool:
    """Whether a fault in drawing a batch says nothing about any one of its requests."""
    return isinstance(fault, ServerUnreachableError | ServerTimeoutError)
