import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.support import virtual_time

from sdp_operator.cluster import Cluster, cluster
from sdp_operator.cluster.requests import Requests
from sdp_operator.errors import ForbiddenError
from sdp_operator.objects import KubeObject
from sdp_operator.telemetry.health import Health


class Guarded(Requests):
    """A cluster without anything in it, of which one path may not be seen."""

    def __init__(self, forbidden: str) -> None:
        self._forbidden = forbidden

    async def close(self) -> None: ...

    async def send(self, method: str, path: str, **_: Any) -> KubeObject:
        if path == self._forbidden:
            raise ForbiddenError("it is forbidden")
        return {"metadata": {"resourceVersion": "1"}, "items": []}

    @asynccontextmanager
    async def watch(
        self, path: str, query: Mapping[str, str], seconds: int, *, may_be_silent: bool = False
    ) -> AsyncIterator[AsyncIterator[KubeObject]]:
        yield self._silence()

    async def _silence(self) -> AsyncIterator[KubeObject]:
        await asyncio.Event().wait()
        yield {}


PODS_OF_A = "the operator may not watch pods (it is forbidden) in namespace team-a: "


@pytest.mark.parametrize(
    ("forbidden", "hindrances"),
    [
        ("/api/v1/namespaces/team-a/pods", (PODS_OF_A, "")),
        ("/api/v1/nodes", ("", "")),
        ("/api/v1/namespaces/team-a/events", ("", "")),
        ("/apis/gateway.networking.k8s.io/v1/namespaces/team-a/httproutes", ("", "")),
    ],
)
def test_only_what_the_pipelines_of_a_namespace_need_there_hinders_them(
    monkeypatch: pytest.MonkeyPatch, forbidden: str, hindrances: tuple[str, str]
) -> None:
    monkeypatch.setattr(cluster, "Requests", lambda *_: Guarded(forbidden))

    async def scenario() -> list[str]:
        client: Any = None
        seen = Cluster(
            client,
            namespaces=["team-a", "team-b"],
            pipeline_changed=lambda _: None,
            fleet_changed=lambda *, nodes: None,
            view_changed=lambda: None,
            watched=Health(),
            count=lambda *_: None,
        )
        await seen.follow()
        told = [seen.hindrance(namespace) or "" for namespace in ("team-a", "team-b")]
        await seen.close()
        return told

    for told, hindrance in zip(virtual_time.run(scenario()), hindrances, strict=True):
        assert told.startswith(hindrance)
        assert bool(told) == bool(hindrance)
