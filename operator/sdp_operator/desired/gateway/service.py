"""The Service in front of the gateways."""

from typing import Final

from sdp_operator.api.v1alpha1 import Pipeline, ServiceOptions
from sdp_operator.desired.gateway.deployment import PORT
from sdp_operator.desired.identity import GATEWAY, metadata, selector
from sdp_operator.objects import KubeObject

PORT_NUMBER: Final = 80
"""HTTP's own, so that the gateway's URL needs none."""


def service(pipeline: Pipeline, options: ServiceOptions) -> KubeObject:
    """The gateway's Service."""
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
        },
    }
