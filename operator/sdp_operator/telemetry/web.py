"""Answers Kubernetes' probes and Prometheus: /healthz, /readyz, /metrics."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST

from sdp_operator.errors import OperatorError
from sdp_operator.settings import Address

Probe = Callable[[], str | None]
"""Says what is wrong; None when nothing is."""


class AddressError(OperatorError):
    """The address can't be listened on."""


@asynccontextmanager
async def serving(
    address: Address, *, healthy: Probe, ready: Probe, metrics: Callable[[], bytes]
) -> AsyncIterator[None]:
    """Serve while the context lasts. That it answers at all shows that the process's loop turns.

    Raises:
        AddressError: the address can't be listened on.
    """
    runner = web.AppRunner(application(healthy=healthy, ready=ready, metrics=metrics), access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address.host, address.port).start()
        except OSError as error:
            raise AddressError(
                f"SDP_HTTP_ADDRESS: can't listen there ({error.strerror or error}); set it to a free address"
            ) from None
        yield
    finally:
        await runner.cleanup()


def application(*, healthy: Probe, ready: Probe, metrics: Callable[[], bytes]) -> web.Application:
    """The pages."""

    async def healthz(_: web.Request) -> web.Response:
        return _verdict(healthy())

    async def readyz(_: web.Request) -> web.Response:
        return _verdict(ready())

    async def metrics_page(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application(middlewares=[_close])
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics_page)])
    return app


def _verdict(wrong: str | None) -> web.Response:
    return web.Response(text=f"{wrong or 'ok'}\n", status=200 if wrong is None else 503)


@web.middleware
async def _close(request: web.Request, handler: Handler) -> web.StreamResponse:
    # kopf, when it stops, waits seconds for every task that it does not know, such as that of an idle connection.
    response = await handler(request)
    response.force_close()
    return response
