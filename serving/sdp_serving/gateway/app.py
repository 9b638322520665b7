"""What the gateway answers, path by path."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler

from sdp_serving.gateway.access_log import log_abandoned
from sdp_serving.gateway.answers import error
from sdp_serving.gateway.api_keys import ApiKeys
from sdp_serving.gateway.clients import asking_for
from sdp_serving.gateway.config import Config
from sdp_serving.gateway.hold import Hold
from sdp_serving.gateway.metrics import Metrics
from sdp_serving.gateway.openai.models import ModelsApi
from sdp_serving.gateway.openai.refusal import RefusedError, refused
from sdp_serving.gateway.openai.routes import Shared, images_service
from sdp_serving.gateway.page.page import page_routes
from sdp_serving.gateway.pass_through import PassThrough
from sdp_serving.gateway.paths import PREFIX
from sdp_serving.gateway.probes import probe_routes
from sdp_serving.gateway.readiness import Readiness
from sdp_serving.gateway.room import Room, room_for_bodies
from sdp_serving.gateway.routes_file import RoutesFile

HELD_AT_THE_END_SECONDS: Final = 20.0
"""How long requests may still wait for a component once the gateway is told to stop."""

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


def application(
    config: Config,
    session: ClientSession,
    *,
    clock: Callable[[], float],
    draw: Callable[[], float],
    now: Callable[[], float],
) -> web.Application:
    """The gateway in front of these model servers.

    Args:
        config: what it is to do.
        session: passes requests on; it stays the caller's to close.
        clock: gives seconds that only grow.
        draw: gives a number from 0 up to 1, evenly spread.
        now: gives seconds since the epoch.
    """
    servers = config.servers
    metrics = Metrics(servers, clock=clock)
    readiness = Readiness(servers, session, clock=clock)
    hold = Hold(servers, metrics, seconds=config.hold_seconds)
    room = Room(room_for_bodies())
    routes = RoutesFile(config.routes)
    pass_through = PassThrough(servers, session, hold=hold, room=room, routes=routes, metrics=metrics, draw=draw)

    keys = None if config.api_keys is None else ApiKeys(config.api_keys)
    app = web.Application(middlewares=[_refusals_as_json, log_abandoned, asking_for(keys)])
    app.router.add_routes(page_routes())
    app.router.add_routes(probe_routes(metrics, readiness))
    shared = Shared(metrics=metrics, hold=hold, room=room, routes=routes, readiness=readiness)
    images = images_service(config, shared, clock=clock, draw=draw, now=now)
    app.router.add_routes(images.routes)

    async def stopping(_: web.Application) -> None:
        hold.end_within(HELD_AT_THE_END_SECONDS)
        images.stop()

    app.on_shutdown.append(stopping)
    models = ModelsApi(routes, started=int(now()))

    async def model_or_component(request: web.Request) -> web.StreamResponse:
        name = request.match_info["call"]
        return (None if name in servers else models.find(name)) or await pass_through(request)

    app.router.add_get(PREFIX.rstrip("/"), models.listed)
    app.router.add_get(f"{PREFIX}{{call:.*}}", model_or_component, allow_head=False)
    app.router.add_post(f"{PREFIX}{{call:.*}}", pass_through.__call__)
    return app


@web.middleware
async def _refusals_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as refusal:
        return _refusal(request, refusal)
    except web.HTTPNotFound:
        message = f"There is nothing at {request.path}: /openapi.json lists what there is, and the models are under"
        return _refusal(request, _refused(404, f"{message} {PREFIX}"))
    except web.HTTPMethodNotAllowed as refusal:
        allowed = sorted(refusal.allowed_methods)
        message = f"{request.method} is not for {request.path}: use {' or '.join(allowed)}"
        return _refusal(request, _refused(405, message, {"Allow": ", ".join(allowed)}))


def _refused(status: int, message: str, headers: Mapping[str, str] = _NO_HEADERS) -> RefusedError:
    return RefusedError(status, message, code=HTTPStatus(status).name.lower(), headers=headers)


def _refusal(request: web.Request, refusal: RefusedError) -> web.Response:
    if request.path.startswith(PREFIX):
        # There, all errors have the form of TensorFlow Serving's.
        return error(refusal.status, refusal.message, refusal.headers)
    return refused(refusal)
