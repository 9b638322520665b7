"""All traffic with the Kubernetes API. Nothing else in the operator imports the Kubernetes client."""

import asyncio
import json
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Self

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, ApiException, Configuration
from kubernetes.aio.dynamic import DynamicClient

from sdp_operator.api.v1alpha1 import API_VERSION, KIND, PLURAL, Condition, Pipeline, format_time
from sdp_operator.desired.identity import INSTANCE, MANAGED_BY, MANAGER
from sdp_operator.errors import RefusedError, TransientError
from sdp_operator.live import LiveChildren, is_of_a_deployment, is_owned
from sdp_operator.objects import KubeObject
from sdp_operator.reasons import IN_PROGRESS

_TIMEOUT_SECONDS: Final = 30
_PLURALS: Final = {"Deployment": "deployments", "Service": "services", "Pod": "pods", "Event": "events", KIND: PLURAL}
_REFUSALS: Final = frozenset({400, 403, 405, 413, 422})


class Cluster:
    """A Kubernetes cluster, as the operator sees it.

    Every method raises TransientError when the API server can't be reached or asks for patience, and RefusedError when
    it refuses.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._requests = DynamicClient(client)  # type: ignore[no-untyped-call]

    @classmethod
    async def connect(cls) -> Self:
        """The cluster that KUBECONFIG names, else the one that this process runs in, else that of ~/.kube/config."""
        configuration = Configuration()
        in_cluster = "KUBERNETES_SERVICE_HOST" in os.environ
        if in_cluster and not os.environ.get("KUBECONFIG"):
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=os.environ.get("KUBECONFIG"), client_configuration=configuration, persist_config=False
            )
        return cls(ApiClient(configuration))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    async def pipeline(self, namespace: str, name: str) -> KubeObject | None:
        """The custom resource; None when there is none."""
        return await self._get(_path(API_VERSION, KIND, namespace, name))

    async def children(self, pipeline: Pipeline) -> LiveChildren:
        """The Deployments and Services that the pipeline owns, and their pods."""
        deployments, services, pods = await asyncio.gather(
            self._list("apps/v1", "Deployment", pipeline),
            self._list("v1", "Service", pipeline),
            self._list("v1", "Pod", pipeline),
        )
        return LiveChildren(
            deployments={name: child for name, child in deployments.items() if is_owned(child, pipeline)},
            services={name: child for name, child in services.items() if is_owned(child, pipeline)},
            pods={name: pod for name, pod in pods.items() if is_of_a_deployment(pod)},
        )

    async def find(self, like: KubeObject) -> KubeObject | None:
        """The live object of the same kind, namespace and name, whoever owns it."""
        return await self._get(_path_of(like))

    async def apply(self, wanted: KubeObject) -> None:
        """Create the object, or give it the fields that are wanted."""
        await self._apply(_path_of(wanted), wanted)

    async def delete(self, child: KubeObject) -> None:
        """Delete this very object; it is no error when it is gone already."""
        options = {"propagationPolicy": "Background", "preconditions": {"uid": child["metadata"]["uid"]}}
        try:
            await self._request("delete", _path_of(child), body=options)
        except _GoneError:
            return

    async def write_status(self, pipeline: KubeObject, status: Mapping[str, Any]) -> None:
        """Write the custom resource's status; it is no error when the resource is gone."""
        meta = pipeline["metadata"]
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            # With its uid, the status is never written to another resource that has taken the name.
            "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
            "status": status,
        }
        try:
            await self._apply(f"{_path_of(pipeline)}/status", body)
        except _GoneError:
            return

    async def record(self, pipeline: KubeObject, condition: Condition, now: datetime) -> None:
        """Record a condition's change as an Event about the custom resource."""
        meta = pipeline["metadata"]
        # Not the condition's own time, which stands still while only its reason changes.
        time = format_time(now)
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{meta['name']}.", "namespace": meta["namespace"]},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                **{key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion")},
            },
            "type": "Normal" if condition.status == "True" or condition.reason in IN_PROGRESS else "Warning",
            "reason": condition.reason,
            "message": f"{condition.type}: {condition.message}"[:1024],
            "source": {"component": MANAGER},
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        }
        await self._request("post", _path("v1", "Event", meta["namespace"]), body=event)

    async def _list(self, api_version: str, kind: str, pipeline: Pipeline) -> dict[str, KubeObject]:
        selector = f"{MANAGED_BY}={MANAGER},{INSTANCE}={pipeline.name}"
        found = await self._request("get", _path(api_version, kind, pipeline.namespace), label_selector=selector)
        # Items of a list carry neither their kind nor their apiVersion.
        return {item["metadata"]["name"]: {"apiVersion": api_version, "kind": kind, **item} for item in found["items"]}

    async def _get(self, path: str) -> KubeObject | None:
        try:
            return await self._request("get", path)
        except _GoneError:
            return None

    async def _apply(self, path: str, body: KubeObject) -> None:
        await self._request(
            "patch",
            path,
            body=body,
            content_type="application/apply-patch+yaml",
            field_manager=MANAGER,
            force_conflicts=True,
        )

    async def _request(self, method: str, path: str, **parameters: Any) -> KubeObject:
        try:
            answer: KubeObject = await self._requests.request(
                method, path, serializer=_plain, _request_timeout=_TIMEOUT_SECONDS, **parameters
            )
        except ApiException as error:
            raise _sorted(error, method, path) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError(f"the API server can't be reached: {type(error).__name__}") from None
        return answer


class _GoneError(RefusedError):
    """There is no such object."""


def _sorted(error: ApiException, method: str, path: str) -> RefusedError | TransientError:
    message = _message(error)
    if error.status == 404:
        return _GoneError(message)
    if error.status in _REFUSALS:
        return RefusedError(message)
    return TransientError(f"{method.upper()} {path} failed with {error.status}: {message}")


def _message(error: ApiException) -> str:
    """The API server's own sentence."""
    try:
        return str(json.loads(error.body or "")["message"])[:1000]
    except (TypeError, ValueError, KeyError):
        return str(error.reason)


def _plain(_client: DynamicClient, answer: KubeObject) -> KubeObject:
    return answer


def _path_of(thing: KubeObject) -> str:
    meta = thing["metadata"]
    return _path(thing["apiVersion"], thing["kind"], meta["namespace"], meta["name"])


def _path(api_version: str, kind: str, namespace: str, name: str | None = None) -> str:
    prefix = "/apis" if "/" in api_version else "/api"
    tail = "" if name is None else f"/{name}"
    return f"{prefix}/{api_version}/namespaces/{namespace}/{_PLURALS[kind]}{tail}"
