"""Where users reach the gateway."""

from sdp_operator.api.v1alpha1 import GatewaySpec, Pipeline
from sdp_operator.desired.identity import GATEWAY, child_name


def gateway_url(pipeline: Pipeline, spec: GatewaySpec) -> str:
    """The gateway's URL: from outside the cluster where the spec names a host, else from inside."""
    return outer_url(spec) or f"http://{child_name(pipeline, GATEWAY)}.{pipeline.namespace}.svc"


def outer_url(spec: GatewaySpec) -> str | None:
    """The gateway's URL from outside the cluster; None where the spec names no host."""
    host = _host(spec)
    if host is None:
        return None
    return f"https://{host}" if spec.ingress and spec.ingress.tls_secret_name else f"http://{host}"


def _host(spec: GatewaySpec) -> str | None:
    hosts = [spec.ingress.host] if spec.ingress else spec.route.hostnames if spec.route else []
    # `*.example.com` is no address of its own.
    return next((host for host in hosts if not host.startswith("*.")), None)
