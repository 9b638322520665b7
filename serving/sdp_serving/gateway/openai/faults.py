"""What goes wrong on the way from a request to its pictures, as the client is told."""

import logging
import traceback
from typing import Final

from aiohttp import web

from sdp_serving.gateway.model_servers import ServerEndedError
from sdp_serving.gateway.openai.refusal import RefusedError
from sdp_serving.gateway.queueing.scheduler import QueueFullError, StoppingError
from sdp_serving.gateway.studio import WaitedTooLongError
from sdp_serving.generation.errors import (
    InvalidRequestError,
    NotOfferedError,
    RequestRefusedError,
    ServerError,
    ServerTimeoutError,
    ServerUnreachableError,
)

_RETRY_AFTER: Final = {"Retry-After": "10"}
"""In seconds: about as long as a model server takes to come back at the least."""

_RETRY_ELSEWHERE: Final = {"Retry-After": "1"}

_log = logging.getLogger(__name__)


def refusal_of_fault(fault: Exception) -> RefusedError:
    """What the client is told. What is the gateway's own fault is logged."""
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
        case StoppingError():
            return RefusedError(
                503,
                "This gateway stops, and draws nothing new: send the request again, for another one",
                code="stopping",
                headers=_RETRY_ELSEWHERE,
            )
        case web.RequestPayloadError():
            return RefusedError(400, "The body is broken: send it again", code="invalid_body")
        case InvalidRequestError():
            return RefusedError(400, message, code="invalid_value")
        case NotOfferedError():
            return RefusedError(400, message, code="not_offered")
        case ServerEndedError():
            return RefusedError(502, message, code=fault.component)
        case ServerUnreachableError():
            return RefusedError(503, message, code=fault.component, headers=_RETRY_AFTER)
        case ServerTimeoutError():
            return RefusedError(504, message, code=fault.component)
        case RequestRefusedError(is_clients_fault=True):
            return RefusedError(400, message, code=fault.component)
        case ServerError():
            return RefusedError(502, message, code=fault.component)
    # Without its text, in which a prompt may be.
    where = "".join(traceback.format_tb(fault.__traceback__))
    _log.error("The gateway failed by %s:\n%s", type(fault).__name__, where)
    return RefusedError(
        500, "The gateway failed, and its log says where: try again later, or report it", code="internal_error"
    )


def is_shared_fault(fault: Exception) -> bool:
    """Whether a fault in drawing a batch says nothing about any one of its requests."""
    # What several servers ended with may be the fault of one of its requests, or of their number.
    return isinstance(fault, ServerUnreachableError | ServerTimeoutError) and not isinstance(fault, ServerEndedError)
