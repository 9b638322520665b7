"""The PodDisruptionBudget of a component: how many of its replicas the draining of nodes may take at once."""

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.identity import metadata, selector
from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import Component


def disruption_budget(pipeline: Pipeline, component: Component) -> KubeObject:
    """The component's PodDisruptionBudget."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(pipeline, component),
        "spec": {
            # Not minAvailable, by which the only replica of a component would keep its node from being drained.
            "maxUnavailable": 1,
            # A replica that never becomes ready serves nobody, and must not keep its node either.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": selector(pipeline, component)},
        },
    }
