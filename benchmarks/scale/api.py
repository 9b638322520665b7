"""The API server as the benchmark asks it: as the administrator, with connections of its own."""

import base64
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import orjson
import yaml

METADATA_ONLY: Final = "application/json;as={};g=meta.k8s.io;v=v1"
_WATCH_SECONDS: Final = 7200
_CONNECTIONS: Final = 64


class ApiError(Exception):
    """The API server refused a request; the message has its words."""


class Api:
    """Requests to the API server."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @classmethod
    @asynccontextmanager
    async def connect(cls, kubeconfig: Path) -> AsyncIterator[Self]:
        """Connect as the kubeconfig's user for the length of a `with` block."""
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        connector = aiohttp.TCPConnector(ssl=_tls(cluster, user), limit=_CONNECTIONS)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30)
        # A line of a watch is a whole object.
        async with aiohttp.ClientSession(
            cluster["server"], connector=connector, timeout=timeout, read_bufsize=2**20
        ) as session:
            yield cls(session)

    async def create(self, path: str, body: Mapping[str, Any]) -> None:
        """Make an object in the collection at `path`.

        Raises:
            ApiError: it is refused.
        """
        await self._request("POST", path, body, "application/json")

    async def apply(self, path: str, body: Mapping[str, Any]) -> None:
        """Apply the object at `path` on the server's side, as `kubectl apply --server-side` does.

        Raises:
            ApiError: it is refused.
        """
        await self._request("PATCH", f"{path}?fieldManager=benchmark", body, "application/apply-patch+yaml")

    async def edit(self, path: str, change: Mapping[str, Any]) -> int:
        """Change fields of the object at `path` as `kubectl edit` does; gives its new generation.

        Raises:
            ApiError: it is refused.
        """
        answer = await self._request("PATCH", path, change, "application/merge-patch+json")
        return int(answer["metadata"]["generation"])

    async def delete(self, path: str, **selectors: str) -> None:
        """Delete what the selectors match of the collection at `path`.

        Raises:
            ApiError: it is refused.
        """
        await self._request("DELETE", path, {"propagationPolicy": "Background"}, "application/json", **selectors)

    async def watch(
        self, path: str, selector: str, *, metadata_only: bool
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Give each change of the collection at `path` from now on, after a STARTED when none will be missed.

        Args:
            path: of the collection.
            selector: labels that its objects must have.
            metadata_only: leave out all but the objects' metadata.

        Raises:
            ApiError: it is refused, or changes were lost.
        """
        whole = "application/json"
        lists = METADATA_ONLY.format("PartialObjectMetadataList") if metadata_only else whole
        items = METADATA_ONLY.format("PartialObjectMetadata") if metadata_only else whole
        found = await self._request("GET", path, None, whole, accept=lists, labelSelector=selector)
        version = found["metadata"]["resourceVersion"]
        while True:
            parameters = {
                "watch": "true",
                "resourceVersion": version,
                "labelSelector": selector,
                "timeoutSeconds": str(_WATCH_SECONDS),
            }
            try:
                async with self._session.get(path, params=parameters, headers={"Accept": items}) as answer:
                    await _check(answer)
                    yield "STARTED", {}
                    try:
                        async for line in answer.content:
                            event = orjson.loads(line)
                            if event["type"] == "ERROR":
                                raise ApiError(f"The watch of {path} ended: {event['object'].get('message')}")
                            version = event["object"]["metadata"]["resourceVersion"]
                            yield event["type"], event["object"]
                    finally:
                        _abort(answer)
            except aiohttp.ClientError as error:
                raise ApiError(f"The watch of {path} broke: {error}") from None

    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, kind: str, *, accept: str = "", **parameters: str
    ) -> dict[str, Any]:
        headers = {"Content-Type": kind, "Accept": accept or "application/json"}
        data = None if body is None else orjson.dumps(body)
        try:
            async with self._session.request(method, path, data=data, headers=headers, params=parameters) as answer:
                await _check(answer)
                found: dict[str, Any] = orjson.loads(await answer.read())
        except aiohttp.ClientError as error:
            raise ApiError(f"{method} {path} failed: {error}") from None
        return found


async def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status >= 400:
        raise ApiError(
            f"{answer.method} {answer.url.path} was answered with {answer.status}: {(await answer.text())[:500]}"
        )


def _abort(answer: aiohttp.ClientResponse) -> None:
    """End the connection at once: a polite end of TLS would outlive the event loop."""
    if answer.connection is not None and answer.connection.transport is not None:
        answer.connection.transport.abort()


def _tls(cluster: Mapping[str, str], user: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=_decode(cluster["certificate-authority-data"]))
    # Python reads a client's certificate from files only.
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "certificate"), Path(folder, "key")
        certificate.write_text(_decode(user["client-certificate-data"]))
        key.touch(mode=0o600)
        key.write_text(_decode(user["client-key-data"]))
        context.load_cert_chain(certificate, key)
    return context


def _decode(text: str) -> str:
    return base64.b64decode(text).decode()
