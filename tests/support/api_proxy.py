"""A proxy before the API server that treats each request as a test says: a place for faults.

Whoever is sent through it speaks plain HTTP on the loopback, and keeps its own token and so its own rights.
"""

import asyncio
import base64
import selectors
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson
import yaml
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector, web

_HOP_BY_HOP = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})


@dataclass(frozen=True)
class Call:
    """A request to the API server."""

    method: str
    path: str
    query: Mapping[str, str]
    content: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def is_watch(self) -> bool:
        """Whether it asks for a stream of changes."""
        return "watch" in self.query

    @property
    def is_write(self) -> bool:
        """Whether it may change anything."""
        return self.method != "GET"

    @property
    def namespace(self) -> str:
        """The namespace that it is about; empty for the cluster."""
        return self._after_namespaces[0]

    @property
    def name(self) -> str:
        """The object that it reads or writes, for an Event the one that it tells of; empty for many."""
        if self._after_namespaces[2:]:
            return self._after_namespaces[2]
        return str(orjson.loads(self.content)["involvedObject"]["name"]) if self.is_write else ""

    @property
    def _after_namespaces(self) -> list[str]:
        return self.path.partition("/namespaces/")[2].split("/")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """What is answered: a body, or the stream of a watch."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: ClientResponse | None = None


class CutError(Exception):
    """The connection is to end without an answer."""


Forward = Callable[[], Awaitable[Answer]]
Rule = Callable[[Call, Forward], Awaitable[Answer]]
"""What becomes of a request: it may be sent on, once, and answered, or CutError raised."""


async def pass_on(_call: Call, forward: Forward) -> Answer:
    """Let it be answered by the API server."""
    return await forward()


async def cut(_call: Call, _forward: Forward) -> Answer:
    """Let there be no API server."""
    raise CutError


def failure(status: int, message: str, **headers: str) -> Answer:
    """An answer such as the API server gives when it can't or will not."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": status}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, orjson.dumps(body), {"Content-Type": "application/json", **named})


class ApiProxy:
    """The proxy, running in a thread of its own.

    Attributes:
        rule: what becomes of each request; may be changed at any time.
        calls: all requests so far.
    """

    def __init__(self, kubeconfig: Path) -> None:
        """Prepare to stand before the API server of this kubeconfig, whose user is not used."""
        self._upstream = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
        self.rule: Rule = pass_on
        self.calls: list[Call] = []
        self.url = ""
        self._open: list[tuple[web.Request, ClientResponse]] = []
        self._selector = selectors.DefaultSelector()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._thread = threading.Thread(target=self._loop.run_forever, name="API proxy", daemon=True)
        self._runner: web.AppRunner | None = None
        self._session: ClientSession | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kubeconfig(self, original: Path, copy: Path) -> Path:
        """Write a copy of a kubeconfig (in JSON) that leads here."""
        config = orjson.loads(original.read_bytes())
        for one in config["clusters"]:
            one["cluster"] = {"server": self.url}
        copy.touch(mode=0o600)
        copy.write_bytes(orjson.dumps(config))
        return copy

    def drop_watches(self) -> None:
        """Cut all streams at once."""
        self._loop.call_soon_threadsafe(self._cut_all)

    def calls_since(self, moment: float) -> list[Call]:
        """The requests since a moment of the monotonic clock."""
        return [call for call in self.calls if call.at >= moment]

    def _wait(self, what: Any) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(timeout=30)

    async def _start(self) -> None:
        authority = base64.b64decode(self._upstream["certificate-authority-data"]).decode()
        trust = ssl.create_default_context(cadata=authority)
        self._session = ClientSession(
            connector=TCPConnector(ssl=trust, limit=0), timeout=ClientTimeout(total=None), auto_decompress=False
        )
        application = web.Application(client_max_size=2**26)
        application.router.add_route("*", "/{path:.*}", self._handle)
        # Who has hung up needs no answer; and what is sent on for it must end with it.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def _stop(self) -> None:
        assert self._runner is not None
        assert self._session is not None
        self._cut_all()
        await self._runner.cleanup()
        await self._session.close()
        # A connection that is being closed is so only some rounds of the loop later, after TLS's last words.
        while len(self._selector.get_map()) > 1:  # What wakes the loop stays.
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)

    def _cut_all(self) -> None:
        for request, stream in self._open:
            _cut(request)
            stream.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = Call(request.method, request.path, dict(request.query), await request.read())
        self.calls.append(call)
        with ExitStack() as streams:
            # Also those that the rule keeps to itself.
            try:
                answer = await self.rule(call, lambda: self._forward(request, call, streams))
                if answer.stream is not None:
                    return await self._relay(request, answer, answer.stream)
            except (CutError, ClientError, OSError):
                _cut(request)
                return web.Response()
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    async def _forward(self, request: web.Request, call: Call, streams: ExitStack) -> Answer:
        assert self._session is not None
        response = await self._session.request(
            call.method,
            f"{self._upstream['server']}{request.path_qs}",
            data=call.content or None,
            headers={name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP},
        )
        headers = {name: value for name, value in response.headers.items() if name.lower() not in _HOP_BY_HOP}
        if call.is_watch and response.status == 200:
            streams.callback(response.close)
            return Answer(200, headers=headers, stream=response)
        async with response:
            return Answer(response.status, await response.read(), headers)

    async def _relay(self, request: web.Request, answer: Answer, stream: ClientResponse) -> web.StreamResponse:
        downstream = web.StreamResponse(headers=answer.headers)
        self._open.append((request, stream))
        try:
            await downstream.prepare(request)
            with suppress(ConnectionError):
                async for chunk in stream.content.iter_any():
                    await downstream.write(chunk)
                await downstream.write_eof()
        finally:
            self._open.remove((request, stream))
        return downstream


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
