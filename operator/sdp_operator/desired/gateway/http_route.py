"""The HTTPRoute that leads to the gateway from outside the cluster, by the Gateway API."""

from sdp_operator.api.v1alpha1 import GatewayRoute, Pipeline
from sdp_operator.desired.gateway.service import PORT_NUMBER
from sdp_operator.desired.identity import GATEWAY, child_name, metadata
from sdp_operator.objects import KubeObject


def http_route(pipeline: Pipeline, spec: GatewayRoute) -> KubeObject:
    """The gateway's HTTPRoute."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata(pipeline, GATEWAY),
        "spec": {
            "parentRefs": [parent.model_dump(exclude_none=True) for parent in spec.parent_refs],
            "hostnames": list(spec.hostnames),
            "rules": [{"backendRefs": [{"name": child_name(pipeline, GATEWAY), "port": PORT_NUMBER}]}],
        },
    }
