"""What Kubernetes and Prometheus ask."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from sdp_serving.gateway.answers import answer
from sdp_serving.gateway.metrics import Metrics
from sdp_serving.gateway.readiness import Readiness


def probe_routes(metrics: Metrics, readiness: Readiness) -> list[web.RouteDef]:
    """`/healthz`, `/readyz` and `/metrics`."""

    async def alive(_: web.Request) -> web.Response:
        return answer({"alive": True})

    async def ready(_: web.Request) -> web.Response:
        report = await readiness.report()
        components = {
            component: {"ready": True} if server.is_ready else {"ready": False, "reason": server.reason}
            for component, server in report.items()
        }
        all_ready = all(server.is_ready for server in report.values())
        return answer({"ready": all_ready, "components": components}, status=200 if all_ready else 503)

    async def measured(_: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", alive), web.get("/readyz", ready), web.get("/metrics", measured)]
