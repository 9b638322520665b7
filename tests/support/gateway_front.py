"""A gateway and a model server within the test's own event loop, on real sockets, so that both can stop at will."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession, web
from multidict import CIMultiDictProxy
from prometheus_client.parser import text_string_to_metric_families
from tests.support.ports import free_ports
from yarl import URL

from sdp_serving.gateway.app import application
from sdp_serving.gateway.config import Config
from sdp_serving.gateway.session import open_session


async def until(holds: Callable[[], Any], what: str, *, seconds: float = 10) -> None:
    """Wait until `holds` gives something true or a coroutine of it; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if await found if asyncio.iscoroutine(found) else found:
            return
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.01)


class ModelServer:
    """Answers predictions with what it got; it can go away and come back on the same port.

    Attributes:
        begun: how many requests it began to get.
        asked: the path and the body of each request that it got whole, in their order.
        gate: while it is not set, no request is answered.
        missing: paths that it answers with 404.
    """

    def __init__(self) -> None:
        self.begun = 0
        self.asked: list[tuple[str, bytes]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.missing: set[str] = set()
        self._runner: web.AppRunner | None = None
        [self._port] = free_ports(1)

    @property
    def url(self) -> URL:
        """Where it answers."""
        return URL(f"http://127.0.0.1:{self._port}")

    async def come(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.01, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1000).start()

    async def go(self) -> None:
        """Cut off all that is under way, and refuse connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.begun += 1
        body = await request.read()
        self.asked.append((request.path, body))
        await self.gate.wait()
        if request.path in self.missing:
            return web.json_response({"error": "Servable not found for request"}, status=404)
        if request.method == "GET":
            version = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
            return web.json_response({"model_version_status": [version]})
        return web.Response(body=body)


@dataclass(frozen=True)
class Answer:
    """An answer that has been read."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def error(self) -> str:
        """What it says is wrong."""
        said: str = json.loads(self.body)["error"]
        return said


@dataclass(frozen=True)
class Front:
    """A gateway that listens, and a client; `stop` does as SIGTERM."""

    url: URL
    session: ClientSession
    stop: Callable[[], Awaitable[None]]

    async def get(self, path: str) -> Answer:
        """GET."""
        async with self.session.get(self.url.with_path(path)) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def predict(self, component: str, body: bytes | AsyncIterator[bytes], **headers: str) -> Answer:
        """POST a prediction; `_` stands for `-` in the names of headers."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        path = f"/v1/models/{component}:predict"
        data = io.BytesIO(body) if isinstance(body, bytes) else body
        async with self.session.post(self.url.with_path(path), data=data, headers=names) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def sample(self, metric: str, **labels: str) -> float:
        """The value of a metric, summed up over all series with these labels."""
        text = (await self.get("/metrics")).body.decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"sdpipeline_gateway_{metric}" and labels.items() <= sample.labels.items()
        )

    async def holds(self, count: int) -> bool:
        """Whether so many requests wait now."""
        return await self.sample("held_requests") == count


@asynccontextmanager
async def front(config: Config, draw: Callable[[], float] = lambda: 0.0) -> AsyncIterator[Front]:
    """Run a gateway as `server.run` does."""
    async with open_session() as passing, ClientSession() as session:
        runner = web.AppRunner(
            application(config, passing, clock=time.monotonic, draw=draw, now=time.time),
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,
            shutdown_timeout=1,
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield Front(URL(f"http://127.0.0.1:{runner.addresses[0][1]}"), session, stop=runner.cleanup)
        finally:
            await runner.cleanup()


@asynccontextmanager
async def model_server() -> AsyncIterator[ModelServer]:
    """One that is there."""
    server = ModelServer()
    await server.come()
    try:
        yield server
    finally:
        await server.go()
