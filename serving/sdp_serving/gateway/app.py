"""What the gateway answers, path by path."""

from collections.abc import Callable, Mapping

from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler
from yarl import URL

from sdp_serving.contract.components import Component
from sdp_serving.gateway.access_log import log_abandoned
from sdp_serving.gateway.answers import answer, error
from sdp_serving.gateway.pass_through import PassThrough
from sdp_serving.gateway.paths import PREFIX
from sdp_serving.gateway.readiness import Readiness


def application(
    servers: Mapping[Component, URL], session: ClientSession, *, clock: Callable[[], float]
) -> web.Application:
    """The gateway in front of these model servers.

    Args:
        servers: where each component's REST API is.
        session: passes requests on; it stays the caller's to close.
        clock: gives seconds that only grow.
    """
    readiness = Readiness(servers, session, clock=clock)
    pass_through = PassThrough(servers, session)

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

    app = web.Application(middlewares=[_refusals_as_json, log_abandoned])
    app.router.add_get("/", index)
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ready)
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
