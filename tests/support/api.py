"""Reading from the API server without kubectl, whose start alone takes longer than an answer: for waiting."""

from functools import cache
from pathlib import Path
from typing import Any

from kubernetes.client import ApiClient
from kubernetes.config import new_client_from_config

_PREFIXES = {
    "pods": "/api/v1",
    "services": "/api/v1",
    "deployments": "/apis/apps/v1",
    "stablediffusionpipelines": "/apis/sdpipeline.dev/v1alpha1",
}


def read(kubeconfig: Path, namespace: str, plural: str, name: str = "", *, selector: str = "") -> dict[str, Any]:
    """Give an object, or the list of those that the selector matches.

    Raises:
        LookupError: it is not there.
    """
    client = _client(kubeconfig)
    answer = client.rest_client.pool_manager.request(
        "GET",
        f"{client.configuration.host}{_PREFIXES[plural]}/namespaces/{namespace}/{plural}/{name}".rstrip("/"),
        fields={"labelSelector": selector},
    )
    if answer.status != 200:
        raise LookupError(f"{plural}/{name}: {answer.data.decode()}")
    found: dict[str, Any] = answer.json()
    return found


@cache
def _client(kubeconfig: Path) -> ApiClient:
    client: ApiClient = new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]
    return client
