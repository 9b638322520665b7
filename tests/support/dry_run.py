"""Asking the API server what it would do, as kubectl does with --dry-run=server, without kubectl's start each time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from sdp_operator.cluster.kinds import BY_NAME, PIPELINES
from sdp_operator.cluster.requests import APPLY, as_yaml
from sdp_operator.desired.identity import MANAGER
from sdp_operator.objects import KubeObject


@dataclass(frozen=True)
class Cause:
    """One thing that the API server has against an object; the field is empty where it names none apart."""

    field: str
    message: str


@dataclass(frozen=True)
class Refusal:
    """The API server would refuse.

    Attributes:
        code: the HTTP status.
        message: all that kubectl shows.
        causes: one by one.
    """

    code: int
    message: str
    causes: tuple[Cause, ...]


class DryRun:
    """Asks the API server with the rights of one kubeconfig. Nothing is ever written."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    @classmethod
    async def connect(cls, kubeconfig: Path) -> Self:
        """Connect with this kubeconfig."""
        configuration = Configuration()
        await config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=str(kubeconfig), client_configuration=configuration, persist_config=False
        )
        return cls(ApiClient(configuration))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    async def create(self, pipeline: KubeObject) -> KubeObject | Refusal:
        """Create a pipeline as `kubectl create` does: unknown fields are refused."""
        path = PIPELINES.path(pipeline["metadata"]["namespace"])
        return await self._ask("POST", path, pipeline, {"fieldValidation": "Strict"}, "application/json")

    async def apply(self, child: KubeObject) -> KubeObject | Refusal:
        """Apply a child as the operator does."""
        meta = child["metadata"]
        path = BY_NAME[child["kind"]].path(meta["namespace"], meta["name"])
        query = {"fieldManager": MANAGER, "force": "true"}
        return await self._ask("PATCH", path, as_yaml(child), query, f"{APPLY}; charset=utf-8")

    async def _ask(
        self, method: str, path: str, body: KubeObject | bytes, query: Mapping[str, str], content_type: str
    ) -> KubeObject | Refusal:
        request = await self._client.param_serialize(
            method, path, query_params=[("dryRun", "All"), *query.items()], body=body, auth_settings=["BearerToken"],
            header_params={"Accept": "application/json", "Content-Type": content_type},
        )  # fmt: skip
        response = (await self._client.call_api(*request)).response
        answer: KubeObject = orjson.loads(await response.read())
        return _refusal(answer) if response.status >= 400 else answer


def _refusal(status: Mapping[str, Any]) -> Refusal:
    details = status.get("details") or {}
    causes = tuple(Cause(one.get("field", ""), one.get("message", "")) for one in details.get("causes", []))
    return Refusal(status["code"], status.get("message", ""), causes)
