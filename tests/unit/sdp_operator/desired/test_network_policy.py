"""The NetworkPolicy of a component."""

from typing import Any

from tests.support.pipelines import pipeline

from sdp_operator.api.v1alpha1 import NetworkPolicy
from sdp_operator.desired.identity import GATEWAY, selector
from sdp_operator.desired.network_policy import network_policy
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component

OUTSIDE = Settings(lease_namespace=None)


def _spec(asked: KubeObject, settings: Settings = OUTSIDE, **of_the_pipeline: Any) -> KubeObject:
    parent = pipeline({"decoder": {"model": "gs://b/d"}, **of_the_pipeline})
    spec: KubeObject = network_policy(parent, Component.DECODER, NetworkPolicy.model_validate(asked), settings)["spec"]
    assert spec["podSelector"] == {"matchLabels": selector(parent, Component.DECODER)}
    return spec


def _peers(spec: KubeObject) -> list[KubeObject]:
    (rule,) = spec["ingress"]
    peers: list[KubeObject] = rule["from"]
    return peers


def test_only_gateways_of_this_namespace_reach_the_servers_and_only_their_two_ports() -> None:
    spec = _spec({})
    assert spec["policyTypes"] == ["Ingress"]
    (peer,) = _peers(spec)
    assert set(peer) == {"podSelector"}  # without a namespaceSelector: of this namespace
    gateway = selector(pipeline({"decoder": {"model": "gs://b/d"}}), GATEWAY)
    assert peer["podSelector"]["matchLabels"].items() <= gateway.items()
    assert spec["ingress"][0]["ports"] == [{"protocol": "TCP", "port": 8500}, {"protocol": "TCP", "port": 8501}]


def test_gateways_of_namespaces_that_share_the_component_reach_the_servers() -> None:
    _, sharing = _peers(_spec({}, sharing={"namespaces": ["team-b", "team-a"]}))
    assert sharing["namespaceSelector"]["matchExpressions"] == [
        {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["team-a", "team-b"]}
    ]
    assert sharing["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == GATEWAY


def test_named_peers_reach_the_servers() -> None:
    peer = {"ipBlock": {"cidr": "10.0.0.0/8"}}
    assert peer in _peers(_spec({"peers": [peer]}))


def test_the_operator_asks_the_pullers_and_nothing_else() -> None:
    _, rule = _spec({}, Settings(lease_namespace="sdpipeline-system"))["ingress"]
    (peer,) = rule["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "sdpipeline-system"}
    assert peer["podSelector"]["matchLabels"] == {"app.kubernetes.io/part-of": "sdpipeline"}
    assert rule["ports"] == [{"protocol": "TCP", "port": 8510}]
