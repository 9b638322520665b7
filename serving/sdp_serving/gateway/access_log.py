"""One line a request: who asked for what, what came of it and how long it took.

No body, no query and no name of a stored picture is in it, for who knows the name may have the picture.
"""

import asyncio
import logging
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.typedefs import Handler

from sdp_serving.gateway.metrics import CLIENT_LEFT
from sdp_serving.gateway.paths import IMAGES

LOGGER: Final = logging.getLogger("sdp_serving.gateway.access")

_POLLED: Final = frozenset({"/api/state", "/healthz", "/metrics"})


class AccessLogger(AbstractAccessLogger):
    """Logs each request that was answered."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Log one, except those that the kubelet, Prometheus and the page send every few seconds."""
        if request.path not in _POLLED:
            _log(request, response.status, response.body_length, time)


@web.middleware
async def log_abandoned(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log each request whose client left before the answer was complete: aiohttp logs none of them."""
    started = asyncio.get_running_loop().time()
    try:
        return await handler(request)
    except (asyncio.CancelledError, ConnectionError):
        _log(request, CLIENT_LEFT, 0, asyncio.get_running_loop().time() - started)
        raise


def _log(request: web.BaseRequest, status: int, sent: int, seconds: float) -> None:
    path = f"{IMAGES}\N{HORIZONTAL ELLIPSIS}" if request.path.startswith(IMAGES) else request.rel_url.raw_path
    fields = {
        "client": request.remote,
        "method": request.method,
        "path": path,
        "status": status,
        "received_bytes": request.content.total_bytes,
        "sent_bytes": sent,
        "seconds": round(seconds, 4),
    }
    LOGGER.info("%s %s %d", request.method, path, status, extra={"fields": fields})
