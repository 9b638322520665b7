"""How the gateway asks model servers: it adds nothing of its own and reads nothing of what passes."""

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Final

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    TCPConnector,
    TraceConfig,
    TraceConnectionCreateEndParams,
)
from multidict import CIMultiDict
from yarl import URL

from sdp_serving.gateway.hold import AwayError, CutError

CONNECT_SECONDS: Final = 5.0
"""How long a model server may take to accept a connection. What it does with a request takes as long as it takes."""


def open_session() -> ClientSession:
    """What model servers are asked with.

    Each request has a connection of its own. A kept one stays with the pod that it was made to: it would send requests
    to a pod that is about to end, and it would leave a new pod without work. Connecting costs about half a
    millisecond, beside a prediction's hundreds.
    """
    connections = TraceConfig()
    connections.on_connection_create_end.append(_tell)
    return ClientSession(
        connector=TCPConnector(limit=0, force_close=True),
        timeout=ClientTimeout(total=None, connect=CONNECT_SECONDS),
        auto_decompress=False,
        # One client's cookies are none of another's.
        cookie_jar=DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        trace_configs=[connections],
    )


async def ask(
    session: ClientSession,
    method: str,
    url: URL,
    *,
    headers: CIMultiDict[str],
    body: AsyncIterator[bytes] | None,
    connected: Callable[[], None],
) -> ClientResponse:
    """The beginning of the answer to one request.

    Args:
        session: one of `open_session`.
        method: HTTP's.
        url: what to ask.
        headers: all that are sent.
        body: what is sent, if anything.
        connected: called once there is a connection.

    Raises:
        AwayError: there was none.
        CutError: it ended before there was an answer.
    """
    try:
        return await session.request(
            method, url, headers=headers, data=body, allow_redirects=False, trace_request_ctx=connected
        )
    except (ClientConnectorError, ConnectionTimeoutError) as failure:
        raise AwayError(repr(failure)) from failure
    except ClientError as failure:
        raise CutError(repr(failure)) from failure


async def _tell(_: ClientSession, context: SimpleNamespace, __: TraceConnectionCreateEndParams) -> None:
    if context.trace_request_ctx is not None:
        context.trace_request_ctx()
