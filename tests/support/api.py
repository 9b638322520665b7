"""The API server without kubectl, whose start alone takes longer than an answer: for waiting, and for many calls."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from kubernetes.client import ApiClient
from kubernetes.config import new_client_from_config

_PREFIXES = {
    "pods": "/api/v1",
    "services": "/api/v1",
    "configmaps": "/api/v1",
    "events": "/api/v1",
    "resourcequotas": "/api/v1",
    "replicasets": "/apis/apps/v1",
    "poddisruptionbudgets": "/apis/policy/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "ingresses": "/apis/networking.k8s.io/v1",
    "podmonitors": "/apis/monitoring.coreos.com/v1",
    "httproutes": "/apis/gateway.networking.k8s.io/v1",
    "deployments": "/apis/apps/v1",
    "stablediffusionpipelines": "/apis/sdpipeline.dev/v1alpha1",
}


def read(kubeconfig: Path, namespace: str, plural: str, name: str = "", *, selector: str = "") -> dict[str, Any]:
    """Give an object, or the list of those that the selector matches.

    Raises:
        LookupError: it is not there.
    """
    path = f"{_PREFIXES[plural]}/namespaces/{namespace}/{plural}/{name}".rstrip("/")
    return send(kubeconfig, "GET", path, query={"labelSelector": selector})


def send(
    kubeconfig: Path, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None
) -> dict[str, Any]:
    """Send a request and give the answer; what is sent by PATCH is applied.

    Raises:
        LookupError: it was refused.
    """
    client = _client(kubeconfig)
    content_type = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
    answer = client.rest_client.pool_manager.request(
        method,
        f"{client.configuration.host}{path}?{urlencode(query or {})}",
        body=None if body is None else json.dumps(body),
        headers={"Content-Type": content_type},
    )
    if answer.status >= 300:
        raise LookupError(f"{method} {path}: {answer.data.decode()}")
    found: dict[str, Any] = answer.json()
    return found


@cache
def _client(kubeconfig: Path) -> ApiClient:
    client: ApiClient = new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]
    return client
