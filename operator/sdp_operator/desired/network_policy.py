"""The NetworkPolicy of a component: who may reach its model servers."""

from typing import Final

from sdp_operator.api.v1alpha1 import NetworkPolicy, Pipeline
from sdp_operator.desired.identity import COMPONENT, GATEWAY, metadata, selector
from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import GRPC_PORT, REST_PORT, Component

_NAMESPACE: Final = "kubernetes.io/metadata.name"
"""The label that the API server gives every namespace."""


def network_policy(pipeline: Pipeline, component: Component, asked: NetworkPolicy) -> KubeObject:
    """The component's NetworkPolicy."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(pipeline, component),
        "spec": {
            "podSelector": {"matchLabels": selector(pipeline, component)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [*_gateways(pipeline), *(dict(peer) for peer in asked.peers)],
                    "ports": [{"protocol": "TCP", "port": port} for port in (GRPC_PORT, REST_PORT)],
                }
            ],
        },
    }


def _gateways(pipeline: Pipeline) -> list[KubeObject]:
    """The gateways of all pipelines that may have this component served for them: those of this namespace always."""
    any_gateway = {"app.kubernetes.io/name": "sdpipeline", COMPONENT: GATEWAY}
    gateways: list[KubeObject] = [{"podSelector": {"matchLabels": any_gateway}}]
    if pipeline.spec.sharing.namespaces:
        named = {"key": _NAMESPACE, "operator": "In", "values": sorted(pipeline.spec.sharing.namespaces)}
        gateways.append(
            {"namespaceSelector": {"matchExpressions": [named]}, "podSelector": {"matchLabels": any_gateway}}
        )
    return gateways
