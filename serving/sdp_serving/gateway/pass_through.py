"""Requests to the model servers, passed on as they come and answered as the servers answer."""

import asyncio
import logging
from collections.abc import Mapping
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
    web,
)
from yarl import URL

from sdp_serving.contract.components import Component
from sdp_serving.gateway import headers
from sdp_serving.gateway.answers import error
from sdp_serving.gateway.paths import model_name

_log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 5.0
"""How long a model server may take to accept a connection. What it does with a request takes as long as it takes."""


def open_session() -> ClientSession:
    """What requests are passed on with: it adds nothing of its own and reads nothing of their bodies.

    Each request has a connection of its own. A kept one stays with the pod that it was made to: it would send requests
    to a pod that is about to end, and a body that has been passed on can't be sent again; and it would leave a new pod
    without work. Connecting costs about half a millisecond, beside a prediction's hundreds.
    """
    return ClientSession(
        connector=TCPConnector(limit=0, force_close=True),
        timeout=ClientTimeout(total=None, connect=CONNECT_SECONDS),
        auto_decompress=False,
        # One client's cookies are none of another's.
        cookie_jar=DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
    )


class PassThrough:
    """Answers a request by the model server that it names."""

    def __init__(self, servers: Mapping[Component, URL], session: ClientSession) -> None:
        """Give it its parts.

        Args:
            servers: where each component's REST API is.
            session: one of `open_session`.
        """
        self._servers = servers
        self._session = session

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Pass on one request, and its answer; neither body is ever held as a whole."""
        component = self._component(request)
        if isinstance(component, web.Response):
            return component
        url = URL(f"{self._servers[component]}{request.rel_url.raw_path_qs}", encoded=True)
        try:
            answered = await self._session.request(
                request.method,
                url,
                headers=headers.of_request(request.headers),
                data=request.content if request.can_read_body else None,
                allow_redirects=False,
            )
        except (ClientConnectorError, ConnectionTimeoutError) as failure:
            _log.warning("The %s at %s cannot be reached: %r", component, url.origin(), failure)
            return error(503, f"The {component} cannot be reached now: see why with `kubectl get sdpipeline -o wide`")
        except ClientError as failure:
            _log.warning("The %s at %s ended the connection: %r", component, url.origin(), failure)
            return error(
                502,
                f"The {component} ended the connection before it answered, as it does when it is stopped or runs out of"
                " memory: try again, and see its state with `kubectl get sdpipeline -o wide`",
            )
        async with answered:
            return await _relay(request, answered, component)

    def _component(self, request: web.Request) -> Component | web.Response:
        path = request.rel_url.raw_path
        name = model_name(path)
        if name is None:
            return error(
                400,
                f"Malformed request: {request.method} {path}: use /v1/models/COMPONENT, with /versions/N or"
                " /labels/LABEL and :predict or /metadata after it as needed",
            )
        for component in self._servers:
            if component == name:
                return component
        return error(404, f"There is no component {name!r} here: use {' or '.join(self._servers)}")


async def _relay(request: web.Request, answered: ClientResponse, component: Component) -> web.StreamResponse:
    response = web.StreamResponse(
        status=answered.status, reason=answered.reason, headers=headers.of_answer(answered.headers)
    )
    await response.prepare(request)
    while True:
        try:
            piece = await answered.content.readany()
        except (ClientError, asyncio.IncompleteReadError) as failure:
            _log.warning("The %s ended the connection in the middle of its answer: %r", component, failure)
            # A client can tell that an answer is not whole only by a connection that ends.
            if request.transport is not None:
                request.transport.abort()
            return response
        if not piece:
            return response
        await response.write(piece)
