"""The Deployment of the gateways."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from sdp_operator.api.v1alpha1 import Endpoints, GatewayLimits, GatewaySpec, Pipeline
from sdp_operator.desired.gateway.api_keys import api_keys_flags, api_keys_mounts, api_keys_volumes
from sdp_operator.desired.gateway.routes import routes_flag, routes_mount, routes_volume
from sdp_operator.desired.identity import GATEWAY, MANAGED_BY, MANAGER, metadata, selector
from sdp_operator.desired.overrides import overridden
from sdp_operator.desired.revision import with_revision
from sdp_operator.desired.security import CONTAINER_SECURITY, POD_SECURITY
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component

CONTAINER: Final = "gateway"
PORT: Final = "http"

_PORT_NUMBER: Final = 8080

_LEAVE_SECONDS: Final = 5
"""How long a gateway that must go still takes requests: until no Service sends any."""

_FINISH_SECONDS: Final = 30
"""How long it then has for the requests under way: longer than the 25 seconds that the gateway itself gives them."""

_RESOURCES: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
"""Unless the user says otherwise. Of the memory, half is for the bodies of requests, which it may have to send again,
64 MiB for pictures that it gave URLs of, and about 100 MiB for itself; what is left takes the pixels of two uploads of
the largest size at a time. All four, since a ResourceQuota lets no container go without what it counts."""


def deployment(
    pipeline: Pipeline, spec: GatewaySpec, servers: Mapping[Component, Endpoints], settings: Settings
) -> KubeObject:
    """The gateway's Deployment, in front of these servers."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(pipeline, GATEWAY),
        "spec": {
            "replicas": spec.replicas,
            # Stated, so that a rollout that somebody has paused goes on.
            "paused": False,
            "revisionHistoryLimit": 2,
            # A new gateway that does not come up leaves the running one untouched.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": {"matchLabels": selector(pipeline, GATEWAY)},
            "template": _template(pipeline, spec, servers, settings),
        },
    }


def _template(
    pipeline: Pipeline, spec: GatewaySpec, servers: Mapping[Component, Endpoints], settings: Settings
) -> KubeObject:
    pod: KubeObject = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _LEAVE_SECONDS + _FINISH_SECONDS,
        "securityContext": POD_SECURITY,
        "containers": [_container(spec, servers, settings)],
        "volumes": [routes_volume(pipeline), *api_keys_volumes(spec.auth)],
    }
    if pipeline.spec.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": secret.name} for secret in pipeline.spec.image_pull_secrets]
    template = {"metadata": {"labels": {**selector(pipeline, GATEWAY), MANAGED_BY: MANAGER}}, "spec": pod}
    return with_revision(overridden(template, CONTAINER, spec.overrides))


def _container(spec: GatewaySpec, servers: Mapping[Component, Endpoints], settings: Settings) -> KubeObject:
    # Whether it answers, not whether the models do (/readyz): a gateway without a model says which one is missing,
    # while one that is not ready is cut off from all its clients.
    answers = {"httpGet": {"path": "/healthz", "port": PORT}, "timeoutSeconds": 5}
    return {
        "name": CONTAINER,
        "image": spec.image or settings.gateway_image,
        "command": ["python3", "-m", "sdp_serving.gateway"],
        "args": _flags(spec, servers),
        "ports": [{"name": PORT, "containerPort": _PORT_NUMBER, "protocol": "TCP"}],
        "startupProbe": {**answers, "periodSeconds": 1, "failureThreshold": 60},
        "readinessProbe": {**answers, "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {**answers, "periodSeconds": 10, "failureThreshold": 6},
        "volumeMounts": [routes_mount(), *api_keys_mounts(spec.auth)],
        "resources": (spec.resources and spec.resources.model_dump(exclude_none=True)) or _RESOURCES,
        "lifecycle": {"preStop": {"sleep": {"seconds": _LEAVE_SECONDS}}},
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _flags(spec: GatewaySpec, servers: Mapping[Component, Endpoints]) -> list[str]:
    # In the components' own order: another one would restart the gateways.
    ordered = [component for component in Component if component in servers]
    return [
        f"--address=0.0.0.0:{_PORT_NUMBER}",
        f"--hold-seconds={spec.hold_seconds}",
        routes_flag(),
        *api_keys_flags(spec.auth),
        *_limits(spec.limits),
        *(f"--component={component}={_origin(servers[component].rest)}" for component in ordered),
        *(f"--grpc={component}={servers[component].grpc}" for component in ordered),
    ]


def _limits(limits: GatewayLimits) -> list[str]:
    rate = limits.requests_per_minute
    return [
        f"--queue-length={limits.queue_length}",
        *([] if rate is None else [f"--requests-per-minute={rate}"]),
        f"--request-seconds={limits.request_timeout_seconds}",
    ]


def _origin(url: str) -> str:
    """The server's address, without the model's path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
