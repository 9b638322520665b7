"""The Lease's requests, and what each answer of the API server means."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.fake_api_server import FakeApiServer

from sdp_operator.connection import connect
from sdp_operator.errors import RefusedError, TransientError
from sdp_operator.lease import ClusterLease, ConflictError

THERE: dict[str, Any] = {
    "metadata": {"name": "l", "resourceVersion": "7", "labels": {"a": "b"}},
    "spec": {"holderIdentity": "her"},
}


@pytest.fixture
def kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return tmp_path / "kubeconfig"


@asynccontextmanager
async def connected() -> AsyncIterator[ClusterLease]:
    client = await connect()
    try:
        yield ClusterLease(client, "ns", "l")
    finally:
        await client.close()  # type: ignore[no-untyped-call]


def test_a_lease_is_replaced_only_as_it_was_read(kubeconfig: Path) -> None:
    async def scenario() -> None:
        server = FakeApiServer(200, THERE)
        async with server.serving(kubeconfig), connected() as lease:
            found = await lease.read()
            await lease.write({"holderIdentity": "me"}, found)
            await lease.write({"holderIdentity": "me"}, None)
        read, put, post = server.requests
        assert read == ("GET", "/apis/coordination.k8s.io/v1/namespaces/ns/leases/l", None)
        assert put[:2] == ("PUT", "/apis/coordination.k8s.io/v1/namespaces/ns/leases/l")
        assert put[2]["metadata"] == THERE["metadata"]
        assert put[2]["spec"] == {"holderIdentity": "me"}
        assert post[:2] == ("POST", "/apis/coordination.k8s.io/v1/namespaces/ns/leases")

    asyncio.run(scenario())


def test_a_lease_that_is_not_there_is_none(kubeconfig: Path) -> None:
    async def scenario() -> None:
        async with FakeApiServer(404, {"message": "not found"}).serving(kubeconfig), connected() as lease:
            assert await lease.read() is None
            with pytest.raises(ConflictError):
                await lease.write({}, THERE)
            with pytest.raises(RefusedError, match="which must be there"):
                await lease.write({}, None)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "error", "text"),
    [
        (409, ConflictError, "^oh$"),
        (403, RefusedError, "^oh: let the operator's ServiceAccount get, create and update leases in the namespace ns"),
        (500, TransientError, "answered 500: oh"),
        (429, TransientError, "answered 429: oh"),
    ],
)
def test_each_refusal_is_sorted(status: int, error: type[Exception], text: str, kubeconfig: Path) -> None:
    async def scenario() -> None:
        async with FakeApiServer(status, {"message": "oh"}).serving(kubeconfig), connected() as lease:
            with pytest.raises(error, match=text):
                await lease.write({}, THERE)

    asyncio.run(scenario())


def test_an_api_server_that_is_away_is_a_passing_trouble(kubeconfig: Path) -> None:
    async def scenario() -> None:
        async with FakeApiServer().serving(kubeconfig):
            pass
        async with connected() as lease:
            with pytest.raises(TransientError, match="can't be reached"):
                await lease.read()

    asyncio.run(scenario())
