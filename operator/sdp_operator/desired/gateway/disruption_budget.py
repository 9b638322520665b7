"""The PodDisruptionBudget that keeps a drained node from taking all gateways at once."""

from sdp_operator.api.v1alpha1 import GatewaySpec, Pipeline
from sdp_operator.desired.identity import GATEWAY, metadata, selector
from sdp_operator.objects import KubeObject


def disruption_budget(pipeline: Pipeline, spec: GatewaySpec) -> KubeObject | None:
    """The gateway's budget; None for a single gateway, which a drained node takes in any case."""
    if spec.replicas < 2:
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(pipeline, GATEWAY),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector(pipeline, GATEWAY)},
            # A gateway that serves nobody must not hold up the drain of its node.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
