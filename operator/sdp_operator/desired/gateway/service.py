"""The Service in front of the gateways."""

from typing import Final

from sdp_operator.api.v1alpha1 import GatewaySpec, Pipeline
from sdp_operator.desired.gateway.deployment import PORT
from sdp_operator.desired.identity import GATEWAY, metadata, selector
from sdp_operator.objects import KubeObject

PORT_NUMBER: Final = 80
"""HTTP's own, so that the gateway's URL needs none."""


_PICTURES_SECONDS: Final = 3600
"""How long a gateway keeps the pictures that it gave URLs of, at the most."""


def service(pipeline: Pipeline, spec: GatewaySpec) -> KubeObject:
    """The gateway's Service."""
    options = spec.service
    annotations = {"annotations": dict(options.annotations)} if options.annotations else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {**metadata(pipeline, GATEWAY), **annotations},
        "spec": {
            "type": options.type,
            "selector": selector(pipeline, GATEWAY),
            "ports": [
                {"name": PORT, "port": PORT_NUMBER, "targetPort": PORT, "protocol": "TCP", "appProtocol": "http"}
            ],
            **_affinity(spec),
        },
    }


def _affinity(spec: GatewaySpec) -> KubeObject:
    affinity = spec.service.session_affinity or ("ClientIP" if spec.replicas > 1 else "None")
    if affinity == "None":
        return {"sessionAffinity": "None"}
    # Both stated, so that both go when there is to be none: the API server takes no time without an affinity.
    return {
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": _PICTURES_SECONDS}},
    }
