"""Requests to the API server: sent, answered in plain dicts, and what fails sorted by who can mend it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import orjson
from kubernetes.aio.client import ApiClient

from sdp_operator.errors import ForbiddenError, RefusedError, TransientError
from sdp_operator.objects import KubeObject

_SECONDS: Final = 30
_SILENCE_SECONDS: Final = 150
"""How long a watch may say nothing: the API server sends a bookmark about every minute."""

_LONGEST_PAUSE_SECONDS: Final = 30.0
"""The most that an answer can bid: an API server asks for a second or a few; what another says must not stop all."""

_REFUSALS: Final = frozenset({400, 403, 404, 405, 413, 422})

APPLY: Final = "application/apply-patch+yaml"
"""The type of a body that is applied server-side."""

Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""An object, or the operations of a JSON patch."""

Count = Callable[[str, str, int | None], None]
"""Told of each answer: the verb, the plural of the kind (as in the path), and the status; None when there was none."""


class GoneError(RefusedError):
    """There is no such object, or no such kind."""


class ExpiredError(TransientError):
    """What a watch asks for lies too far back: list anew."""


class Requests:
    """Requests to the API server.

    Every method raises TransientError when it can't be reached or asks for patience, and RefusedError when it refuses.
    After an answer that bids to come again later (Retry-After), nothing is sent until then.
    """

    def __init__(self, client: ApiClient, count: Count) -> None:
        self._client = client
        self._count = count
        self._quiet_until = 0.0

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]  # the client lacks types

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        content_type: str = "application/json",
    ) -> KubeObject:
        """Send a request and give the answer."""
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            response = await self._open(method, path, query or {}, body, content_type, timeout)
            return _loaded(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(method, path, error) from None

    @asynccontextmanager
    async def watch(
        self, path: str, query: Mapping[str, str], seconds: int, *, may_be_silent: bool = False
    ) -> AsyncIterator[AsyncIterator[KubeObject]]:
        """Follow changes for so many seconds: once that is granted, each event as the API server sends it."""
        silence = None if may_be_silent else _SILENCE_SECONDS
        timeout = aiohttp.ClientTimeout(total=seconds + _SECONDS, sock_read=silence)
        asked = {**query, "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        try:
            response = await self._open("GET", path, asked, None, "application/json", timeout)
            try:
                yield _events(response.content)
            finally:
                response.close()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable("watch", path, error) from None

    async def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Body | None,
        content_type: str,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        payload: Body | bytes | None = body
        if content_type == APPLY:
            # Told the character set, the client sends the bytes as they are; else it would write JSON.
            payload, headers["Content-Type"] = as_yaml(body), f"{APPLY}; charset=utf-8"
        request = await self._client.param_serialize(
            method.upper(), path, query_params=list(query.items()), header_params=headers, body=payload,
            auth_settings=["BearerToken"],
        )  # fmt: skip
        await self._keep_quiet()
        response: aiohttp.ClientResponse = (await self._client.call_api(*request, _request_timeout=timeout)).response
        self._count(_verb(method, path, query), _plural(path), response.status)
        if response.status >= 400:
            pause = pause_of(response.headers.get("Retry-After", ""))
            self._quiet_until = max(self._quiet_until, asyncio.get_running_loop().time() + pause)
            raise _sorted(response.status, await response.read(), method, path)
        return response

    async def _keep_quiet(self) -> None:
        while (left := self._quiet_until - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left)

    def _unreachable(self, method: str, path: str, error: BaseException) -> TransientError:
        self._count(method.lower(), _plural(path), None)
        return TransientError(f"the API server can't be reached: {type(error).__name__}")


def pause_of(retry_after: str) -> float:
    """How many seconds this header bids to wait; a date, which a proxy may write but no API server does, bids none."""
    return min(float(retry_after), _LONGEST_PAUSE_SECONDS) if re.fullmatch("[0-9]{1,9}", retry_after) else 0.0


def raise_if_error(event: KubeObject) -> None:
    """Raise what an event of a watch reports.

    Raises:
        ExpiredError: the watch must begin anew with a list.
        TransientError: it must be opened again.
    """
    if event["type"] == "ERROR":
        status = event["object"]
        kind = ExpiredError if status.get("code") == 410 else TransientError
        raise kind(f"a watch ended: {status.get('message')}")


def _sorted(status: int, body: bytes, method: str, path: str) -> RefusedError | TransientError:
    message = _message(body)
    if status == 404:
        return GoneError(message)
    if status == 403:
        return ForbiddenError(message)
    if status in _REFUSALS:
        return RefusedError(message)
    if status == 410:
        return ExpiredError(message)
    return TransientError(f"{method.upper()} {path} failed with {status}: {message}")


def _message(body: bytes) -> str:
    """The API server's own sentence."""
    try:
        return str(orjson.loads(body)["message"])[:1000]
    except (TypeError, ValueError, KeyError):
        return " ".join(body.decode(errors="replace").split())[:200]


def as_yaml(body: Body | None) -> bytes:
    """The body as JSON that is YAML too.

    The API server reads it as YAML, which knows no pairs of surrogates, as which JSON escapes an emoji, and which takes
    other characters beyond ASCII only when they are escaped.
    """
    text = json.dumps(body, ensure_ascii=False)
    return re.sub("[\x7f-\uffff]", lambda match: f"\\u{ord(match[0]):04x}", text).encode()


def _loaded(text: bytes) -> KubeObject:
    try:
        loaded: KubeObject = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise TransientError("the API server's answer was cut off, or is not its own") from None
    if not isinstance(loaded, dict) or not {"kind", "type"} & loaded.keys():
        raise TransientError("what answered is not an API server")
    return loaded


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[KubeObject]:
    async for line in _lines(content):
        yield _loaded(line)


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The lines of a stream; aiohttp's own reader refuses those beyond 64 KiB, and a pod may be larger."""
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line


def _verb(method: str, path: str, query: Mapping[str, str]) -> str:
    if "watch" in query:
        return "watch"
    return "list" if method.upper() == "GET" and path.endswith(f"/{_plural(path)}") else method.lower()


def _plural(path: str) -> str:
    parts = path.removeprefix("/apis").removeprefix("/api").strip("/").split("/")
    after_version = parts[1:] if parts[0].startswith("v1") else parts[2:]
    return after_version[2] if after_version[:1] == ["namespaces"] and len(after_version) > 2 else after_version[0]
