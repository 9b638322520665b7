import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from kubernetes.aio.dynamic import DynamicClient
from tests.support.fake_api_server import FakeApiServer

from sdp_operator.connection import connect


class _Meeting(FakeApiServer):
    """Answers nobody before all are there."""

    def __init__(self, guests: int) -> None:
        super().__init__()
        self._all = asyncio.Barrier(guests)

    async def _answer(self, request: web.Request) -> web.Response:
        await self._all.wait()
        return await super()._answer(request)


class _FallenError(Exception):
    pass


def test_behind_a_fallen_fence_no_request_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    standing = True

    def fence() -> None:
        if not standing:
            raise _FallenError

    async def scenario() -> None:
        nonlocal standing
        server = FakeApiServer()
        async with server.serving(kubeconfig):
            client = await connect(fence)
            requests = DynamicClient(client)  # type: ignore[no-untyped-call]
            for name in ("a", "b"):  # over a new connection, and over one that is open already
                await requests.request("post", f"/{name}", body={}, serializer=_plain)
            standing = False
            with pytest.raises(_FallenError):
                await requests.request("post", "/c", body={}, serializer=_plain)
            await client.close()  # type: ignore[no-untyped-call]
        assert [path for _, path, _ in server.requests] == ["/a", "/b"]

    asyncio.run(scenario())


def test_so_many_watches_may_be_open_at_once_as_there_are_kinds_in_namespaces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    many = 150

    async def scenario() -> None:
        async with _Meeting(many).serving(kubeconfig):
            client = await connect()
            requests = DynamicClient(client)  # type: ignore[no-untyped-call]
            async with asyncio.timeout(10):
                await asyncio.gather(*(requests.request("get", "/a", serializer=_plain) for _ in range(many)))
            await client.close()  # type: ignore[no-untyped-call]

    asyncio.run(scenario())


def _plain(_client: DynamicClient, answer: object) -> object:
    return answer
