"""The Ingress that leads to the gateway from outside the cluster."""

from sdp_operator.api.v1alpha1 import GatewayIngress, Pipeline
from sdp_operator.desired.gateway.deployment import PORT
from sdp_operator.desired.identity import GATEWAY, child_name, metadata
from sdp_operator.objects import KubeObject


def ingress(pipeline: Pipeline, spec: GatewayIngress) -> KubeObject:
    """The gateway's Ingress."""
    annotations = {"annotations": dict(spec.annotations)} if spec.annotations else {}
    backend = {"service": {"name": child_name(pipeline, GATEWAY), "port": {"name": PORT}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    rules: KubeObject = {"rules": [{"host": spec.host, "http": {"paths": [path]}}]}
    if spec.class_name is not None:
        rules["ingressClassName"] = spec.class_name
    if spec.tls_secret_name is not None:
        rules["tls"] = [{"hosts": [spec.host], "secretName": spec.tls_secret_name}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {**metadata(pipeline, GATEWAY), **annotations},
        "spec": rules,
    }
