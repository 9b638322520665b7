"""Reading and writing the Lease by which several operators agree on the one that works."""

import json
from typing import Any, Final, Protocol

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException
from kubernetes.aio.dynamic import DynamicClient

from sdp_operator.errors import OperatorError, RefusedError, TransientError
from sdp_operator.objects import KubeObject

_REQUEST_SECONDS: Final = 4
"""Short enough for a second attempt within the time that a leader has for renewing."""


class ConflictError(OperatorError):
    """The Lease is no longer as it was read."""


class LeaseStore(Protocol):
    """Where one Lease is kept."""

    async def read(self) -> KubeObject | None:
        """Give the Lease; None when there is none.

        Raises:
            TransientError: the API server can't be reached.
            RefusedError: it refuses.
        """

    async def write(self, spec: KubeObject, over: KubeObject | None) -> KubeObject:
        """Write the Lease's spec and give the Lease as it is then.

        Args:
            spec: what to write.
            over: the Lease as it was read, which it must still be; None when there was none.

        Raises:
            ConflictError: it is no longer as it was.
            TransientError: the API server can't be reached. The Lease may be written nevertheless.
            RefusedError: it refuses.
        """


class ClusterLease:
    """A Lease in the cluster."""

    def __init__(self, client: ApiClient, namespace: str, name: str) -> None:
        self._requests = DynamicClient(client)  # type: ignore[no-untyped-call]  # the client lacks types
        self._namespace = namespace
        self._name = name
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"

    async def read(self) -> KubeObject | None:  # noqa: D102 - as LeaseStore says
        try:
            return await self._request("get", f"{self._collection}/{self._name}")
        except _GoneError:
            return None

    async def write(self, spec: KubeObject, over: KubeObject | None) -> KubeObject:  # noqa: D102 - as LeaseStore says
        head = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        if over is None:
            body = {**head, "metadata": {"name": self._name, "namespace": self._namespace}, "spec": spec}
            return await self._request("post", self._collection, body)
        # With its resourceVersion, which makes the API server refuse it when somebody else was faster.
        body = {**head, "metadata": over["metadata"], "spec": spec}
        try:
            return await self._request("put", f"{self._collection}/{self._name}", body)
        except _GoneError:
            raise ConflictError("the Lease was deleted") from None

    async def _request(self, method: str, path: str, body: KubeObject | None = None) -> KubeObject:
        try:
            answer: KubeObject = await self._requests.request(
                method, path, body=body, serializer=_plain, _request_timeout=_REQUEST_SECONDS
            )
        except ApiException as error:
            raise self._sorted(error, method) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError(f"the API server can't be reached: {type(error).__name__}") from None
        return answer

    def _sorted(self, error: ApiException, method: str) -> OperatorError:
        message = _message(error)
        match error.status:
            case 404 if method != "post":
                return _GoneError(message)
            case 409:
                return ConflictError(message)
            case 401 | 403 | 404:
                return RefusedError(
                    f"{message}: let the operator's ServiceAccount get, create and update leases in the namespace"
                    f" {self._namespace}, which must be there"
                )
            case status:
                return TransientError(f"the API server answered {status}: {message}")


class _GoneError(OperatorError):
    """There is no such Lease."""


def _message(error: ApiException) -> str:
    """The API server's own sentence."""
    try:
        return str(json.loads(error.body or "")["message"])[:1000]
    except (TypeError, ValueError, KeyError):
        return str(error.reason)


def _plain(_client: DynamicClient, answer: Any) -> Any:
    return answer
