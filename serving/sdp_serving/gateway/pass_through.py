"""Requests to the model servers, passed on as they come and answered as the servers answer."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import ClientError, ClientResponse, ClientSession, web
from yarl import URL

from sdp_serving.contract.components import REST_PORT, Component
from sdp_serving.contract.routes import VARIANT_HEADER, Variant
from sdp_serving.gateway import headers
from sdp_serving.gateway.answers import error
from sdp_serving.gateway.hold import CutError, Hold, NoAnswerError, told
from sdp_serving.gateway.kept_body import KeptBody
from sdp_serving.gateway.metrics import Metrics, Outcome
from sdp_serving.gateway.paths import Call, read_call
from sdp_serving.gateway.room import Room
from sdp_serving.gateway.routes_file import RoutesFile
from sdp_serving.gateway.session import ask
from sdp_serving.gateway.way import Way, find_way

_log = logging.getLogger(__name__)

_RETRY_AFTER: Final = {"Retry-After": "10"}
"""In seconds: about as long as a model server takes to come back at the least."""


class PassThrough:
    """Answers a request by the model server that it names."""

    def __init__(
        self,
        servers: Mapping[Component, URL],
        session: ClientSession,
        *,
        hold: Hold,
        room: Room,
        routes: RoutesFile,
        metrics: Metrics,
        draw: Callable[[], float],
    ) -> None:
        """Give it its parts.

        Args:
            servers: where each component's REST API is.
            session: one of `open_session`.
            hold: what requests wait in while a component is away.
            room: what bodies are kept in meanwhile.
            routes: what tells of canaries.
            metrics: told of each prediction.
            draw: gives a number from 0 up to 1, evenly spread.
        """
        self._servers = servers
        self._session = session
        self._hold = hold
        self._room = room
        self._routes = routes
        self._metrics = metrics
        self._draw = draw

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Pass on one request, and its answer."""
        call = read_call(request.rel_url.raw_path)
        if call is None:
            return _malformed(request)
        component = next((one for one in self._servers if one == call.name), None)
        if component is None:
            return error(404, f"There is no component {call.name!r} here: use {' or '.join(self._servers)}")
        if not call.is_prediction:
            return await self._pass(request, component, Way(call.path, Variant.STABLE), Outcome())
        with self._metrics.prediction(component) as outcome:
            return await self._predict(request, component, call, outcome)

    async def _predict(
        self, request: web.Request, component: Component, call: Call, outcome: Outcome
    ) -> web.StreamResponse:
        header = request.headers.get(VARIANT_HEADER)
        if header not in {None, *Variant}:
            outcome.code = 400
            return error(
                400, f"{VARIANT_HEADER}: {header} names no variant: write {' or '.join(Variant)}, or leave it out"
            )
        asked = None if header is None else Variant(header)
        canary = self._routes.canary(component)
        way = find_way(call, canary, asked, self._draw)
        # Without a canary the answer is the model server's alone, unless the client knows of variants.
        says_variant = canary is not None or asked is not None
        return await self._pass(request, component, way, outcome, says_variant=says_variant)

    async def _pass(
        self, request: web.Request, component: Component, way: Way, outcome: Outcome, *, says_variant: bool = False
    ) -> web.StreamResponse:
        body = KeptBody(request.content, request.content_length, self._room) if request.can_read_body else None
        try:
            answered = await self._answer(request, component, way, body, outcome)
            async with answered:
                more = {VARIANT_HEADER: str(outcome.variant)} if says_variant else {}
                return await _relay(request, answered, component, outcome, more)
        except NoAnswerError as failure:
            refused = _refusal(component, failure)
            outcome.code = refused.status
            return refused
        finally:
            if body is not None:
                body.forget()

    async def _answer(
        self, request: web.Request, component: Component, way: Way, body: KeptBody | None, outcome: Outcome
    ) -> ClientResponse:
        outcome.variant = way.variant
        query = request.rel_url.raw_query_string
        server = self._servers[component] if way.host is None else f"http://{way.host}:{REST_PORT}"
        url = URL(f"{server}{way.path}{'?' if query else ''}{query}", encoded=True)

        async def attempt(connected: Callable[[], None]) -> ClientResponse:
            return await ask(
                self._session,
                request.method,
                url,
                headers=headers.of_request(request.headers),
                body=None if body is None else body.pieces(),
                connected=connected,
            )

        # While a server of the canary's own is away, nobody waits: the other model is there.
        sending = attempt(_nothing) if way.host is not None else self._hold.send(component, attempt, body)
        try:
            answered = await sending
        except NoAnswerError as failure:
            was_sent = isinstance(failure, CutError) and body is not None and not body.is_kept
            if way.host is None or way.instead is None or was_sent:
                raise
            return await self._answer(request, component, way.instead, body, outcome)
        if answered.status != 404 or way.instead is None or not (body is None or body.is_kept):
            return answered
        answered.close()
        return await self._answer(request, component, way.instead, body, outcome)


def _nothing() -> None:
    pass


def _malformed(request: web.Request) -> web.Response:
    return error(
        400,
        f"Malformed request: {request.method} {request.rel_url.raw_path}: use /v1/models/COMPONENT, with /versions/N or"
        " /labels/LABEL and :predict or /metadata after it as needed",
    )


def _refusal(component: Component, failure: NoAnswerError) -> web.Response:
    _log.warning("The %s did not answer: %s", component, failure)
    message = told(component, failure)
    return error(502, message) if isinstance(failure, CutError) else error(503, message, _RETRY_AFTER)


async def _relay(
    request: web.Request, answered: ClientResponse, component: Component, outcome: Outcome, more: Mapping[str, str]
) -> web.StreamResponse:
    passed_on = headers.of_answer(answered.headers)
    passed_on.update(more)
    response = web.StreamResponse(status=answered.status, reason=answered.reason, headers=passed_on)
    await response.prepare(request)
    while True:
        try:
            piece = await answered.content.readany()
        except (ClientError, asyncio.IncompleteReadError) as failure:
            _log.warning("The %s ended the connection in the middle of its answer: %r", component, failure)
            outcome.code = 502
            # A client can tell that an answer is not whole only by a connection that ends.
            if request.transport is not None:
                request.transport.abort()
            return response
        if not piece:
            outcome.code = answered.status
            return response
        await response.write(piece)
