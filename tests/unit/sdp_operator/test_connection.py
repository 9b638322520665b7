import asyncio
from pathlib import Path

import pytest
from kubernetes.aio.dynamic import DynamicClient
from tests.support.fake_api_server import FakeApiServer

from sdp_operator.connection import connect


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


def _plain(_client: DynamicClient, answer: object) -> object:
    return answer
