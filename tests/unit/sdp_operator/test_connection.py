import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient
from kubernetes.aio.dynamic import DynamicClient

from sdp_operator.connection import connect

KUBECONFIG = """
current-context: c
contexts: [{{name: c, context: {{cluster: k, user: u}}}}]
clusters: [{{name: k, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{token: t}}}}]
"""


class _FallenError(Exception):
    pass


def test_behind_a_fallen_fence_no_request_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    standing = True

    def fence() -> None:
        if not standing:
            raise _FallenError

    async def scenario(client: ApiClient, requests: list[str]) -> None:
        nonlocal standing
        for name in ("a", "b"):
            await DynamicClient(client).request("post", f"/{name}", body={}, serializer=_plain)  # type: ignore[no-untyped-call]
        assert requests == ["/a", "/b"]
        standing = False
        with pytest.raises(_FallenError):
            await DynamicClient(client).request("post", "/c", body={}, serializer=_plain)  # type: ignore[no-untyped-call]
        assert requests == ["/a", "/b"]

    asyncio.run(_against_a_server(scenario, fence, monkeypatch, tmp_path / "kubeconfig"))


async def _against_a_server(
    scenario: Callable[[ApiClient, list[str]], Awaitable[None]],
    fence: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    kubeconfig: Path,
) -> None:
    requests: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        requests.append(request.path)
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    kubeconfig.write_text(KUBECONFIG.format(port=runner.addresses[0][1]))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    client = await connect(fence)
    try:
        await scenario(client, requests)
    finally:
        await client.close()  # type: ignore[no-untyped-call]
        await runner.cleanup()


def _plain(_client: DynamicClient, answer: object) -> object:
    return answer
