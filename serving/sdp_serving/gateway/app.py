"""What the gateway answers, path by path."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST
from yarl import URL

from sdp_serving.contract.components import Component
from sdp_serving.gateway.access_log import log_abandoned
from sdp_serving.gateway.answers import answer, error
from sdp_serving.gateway.hold import Hold
from sdp_serving.gateway.metrics import Metrics
from sdp_serving.gateway.pass_through import PassThrough
from sdp_serving.gateway.paths import PREFIX
from sdp_serving.gateway.readiness import Readiness
from sdp_serving.gateway.room import Room, room_for_bodies
from sdp_serving.gateway.routes_file import RoutesFile

HELD_AT_THE_END_SECONDS: Final = 20.0
"""How long requests may still wait for a component once the gateway is told to stop."""


@dataclass(frozen=True)
class Config:
    """What a gateway is to do.

    Attributes:
        servers: where each component's REST API is.
        hold_seconds: how long a request waits for a component that is away; 0: not at all.
        routes: the file that tells of canaries; None for none.
    """

    servers: Mapping[Component, URL]
    hold_seconds: float = 0.0
    routes: Path | None = None


def application(
    config: Config, session: ClientSession, *, clock: Callable[[], float], draw: Callable[[], float]
) -> web.Application:
    """The gateway in front of these model servers.

    Args:
        config: what it is to do.
        session: passes requests on; it stays the caller's to close.
        clock: gives seconds that only grow.
        draw: gives a number from 0 up to 1, evenly spread.
    """
    servers = config.servers
    metrics = Metrics(servers, clock=clock)
    readiness = Readiness(servers, session, clock=clock)
    hold = Hold(servers, metrics, seconds=config.hold_seconds)
    pass_through = PassThrough(
        servers,
        session,
        hold=hold,
        room=Room(room_for_bodies()),
        routes=RoutesFile(config.routes),
        metrics=metrics,
        draw=draw,
    )

    async def index(_: web.Request) -> web.Response:
        return answer({"components": {component: f"{PREFIX}{component}" for component in servers}})

    async def alive(_: web.Request) -> web.Response:
        return answer({"alive": True})

    async def ready(_: web.Request) -> web.Response:
        report = await readiness.report()
        components = {
            component: {"ready": True} if reason is None else {"ready": False, "reason": reason}
            for component, reason in report.items()
        }
        all_ready = not any(report.values())
        return answer({"ready": all_ready, "components": components}, status=200 if all_ready else 503)

    async def measured(_: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def stopping(_: web.Application) -> None:
        hold.end_within(HELD_AT_THE_END_SECONDS)

    app = web.Application(middlewares=[_refusals_as_json, log_abandoned])
    app.router.add_get("/", index)
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", measured)
    app.on_shutdown.append(stopping)
    for method in ("GET", "POST"):
        app.router.add_route(method, f"{PREFIX}{{call:.*}}", pass_through.__call__)
    return app


@web.middleware
async def _refusals_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return error(404, f"There is nothing at {request.path}: the models are under {PREFIX}, and / lists them")
    except web.HTTPMethodNotAllowed as refusal:
        allowed = sorted(refusal.allowed_methods)
        return error(
            405,
            f"{request.method} is not for {request.path}: use {' or '.join(allowed)}",
            {"Allow": ", ".join(allowed)},
        )
