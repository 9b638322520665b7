"""The NetworkPolicy of a component: who may reach its model servers."""

from collections.abc import Iterator
from typing import Final

from sdp_operator.api.v1alpha1 import NetworkPolicy, Pipeline
from sdp_operator.desired.identity import COMPONENT, GATEWAY, metadata, selector
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import GRPC_PORT, REST_PORT
from sdp_serving.contract.swap import REPORT_PORT

_NAMESPACE: Final = "kubernetes.io/metadata.name"
"""The label that the API server gives every namespace."""

_OPERATORS: Final = {"app.kubernetes.io/part-of": "sdpipeline"}
"""What the chart labels the operator's pods with, whatever the release is called."""


def network_policy(pipeline: Pipeline, part: str, asked: NetworkPolicy, settings: Settings) -> KubeObject:
    """The NetworkPolicy of a component, or of the canary."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(pipeline, part),
        "spec": {
            "podSelector": {"matchLabels": selector(pipeline, part)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [*_gateways(pipeline), *(dict(peer) for peer in asked.peers)],
                    "ports": _ports(GRPC_PORT, REST_PORT),
                },
                *({"from": [operator], "ports": _ports(REPORT_PORT)} for operator in _operators(settings)),
            ],
        },
    }


def _ports(*ports: int) -> list[KubeObject]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def _operators(settings: Settings) -> Iterator[KubeObject]:
    """The operators, which ask the pullers how far a swap is; none where they run outside of the cluster."""
    if settings.lease_namespace is not None:
        namespace = {"matchLabels": {_NAMESPACE: settings.lease_namespace}}
        yield {"namespaceSelector": namespace, "podSelector": {"matchLabels": _OPERATORS}}


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
