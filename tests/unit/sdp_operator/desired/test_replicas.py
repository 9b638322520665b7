"""How the number of replicas passes to an autoscaler."""

from typing import Any

import pytest

from sdp_operator.desired.replicas import keep_replicas
from sdp_operator.objects import KubeObject

WANTED: KubeObject = {"kind": "Deployment", "spec": {"strategy": {}}}
OURS = {"manager": "sdpipeline-operator", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
THE_AUTOSCALERS = {"manager": "kube-controller-manager", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
OF_A_STATUS = {"manager": "kube-controller-manager", "fieldsV1": {"f:status": {"f:replicas": {}}}}


def _live(*owners: KubeObject, replicas: int = 3) -> KubeObject:
    return {"metadata": {"managedFields": list(owners)}, "spec": {"replicas": replicas}}


def test_the_operators_own_number_stays_until_the_autoscaler_writes_one() -> None:
    assert keep_replicas(WANTED, _live(OURS, OF_A_STATUS))["spec"] == {"strategy": {}, "replicas": 3}


def test_a_component_that_was_scaled_to_zero_is_given_one_replica_for_the_autoscaler_to_begin_with() -> None:
    assert keep_replicas(WANTED, _live(OURS, replicas=0))["spec"] == {"strategy": {}, "replicas": 1}
    assert keep_replicas(WANTED, _live(THE_AUTOSCALERS, replicas=0)) == WANTED, "somebody else turned it off"


@pytest.mark.parametrize(
    "live",
    [None, _live(THE_AUTOSCALERS), _live(OURS, THE_AUTOSCALERS), _live(), {"metadata": {}, "spec": {"replicas": 3}}],
)
def test_a_number_that_is_not_the_operators_is_left_alone(live: Any) -> None:
    assert keep_replicas(WANTED, live) == WANTED


def test_a_number_that_is_asked_for_is_applied() -> None:
    wanted: KubeObject = {"spec": {"replicas": 5}}
    assert keep_replicas(wanted, _live(OURS)) == wanted
