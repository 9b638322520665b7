"""How replicas are spread over nodes."""

from sdp_operator.api.v1alpha1 import ComponentSpec
from sdp_operator.desired.spreading import spread_constraints
from sdp_operator.objects import KubeObject

SELECTOR = {"app": "decoder"}
ZONES: KubeObject = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}


def _constraints(*asked: KubeObject, replicas: int = 1) -> list[KubeObject]:
    fields = {"model": "gs://b/d", "replicas": replicas, "topologySpreadConstraints": list(asked)}
    return spread_constraints(ComponentSpec.model_validate(fields), SELECTOR)


def test_replicas_prefer_different_nodes_when_nothing_is_asked() -> None:
    (constraint,) = _constraints()
    assert (constraint["topologyKey"], constraint["maxSkew"]) == ("kubernetes.io/hostname", 1)
    assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"
    assert constraint["labelSelector"] == {"matchLabels": SELECTOR}


def test_a_second_replica_changes_nothing_for_the_first() -> None:
    assert _constraints(replicas=1) == _constraints(replicas=2)


def test_a_selector_that_is_left_out_means_the_components_replicas() -> None:
    assert _constraints(ZONES) == [{**ZONES, "labelSelector": {"matchLabels": SELECTOR}}]


def test_a_selector_that_is_given_stays() -> None:
    given = {**ZONES, "labelSelector": {"matchLabels": {"app": "other"}}}
    assert _constraints(given) == [given]
