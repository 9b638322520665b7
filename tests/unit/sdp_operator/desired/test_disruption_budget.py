"""The PodDisruptionBudget of a component."""

from tests.support.pipelines import pipeline

from sdp_operator.desired.disruption_budget import disruption_budget
from sdp_operator.desired.identity import selector
from sdp_serving.contract.components import Component


def test_a_node_can_always_be_drained_but_takes_one_replica_at_a_time() -> None:
    parent = pipeline({"decoder": {"model": "gs://b/d"}})
    assert disruption_budget(parent, Component.DECODER)["spec"] == {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": selector(parent, Component.DECODER)},
    }
