"""The Service of a component."""

from typing import Any

from tests.support.pipelines import pipeline

from sdp_operator.desired.service import endpoints, service
from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import Component


def _made(**fields: Any) -> KubeObject:
    parent = pipeline({"decoder": {"model": "gs://b/d", **fields}})
    return service(parent, Component.DECODER, parent.spec.components[Component.DECODER].service)


def test_it_is_reached_from_inside_the_cluster_only_unless_asked_otherwise() -> None:
    made = _made()
    assert made["spec"]["type"] == "ClusterIP"
    assert "annotations" not in made["metadata"]


def test_it_has_the_type_and_the_annotations_that_are_asked_for() -> None:
    made = _made(service={"type": "LoadBalancer", "annotations": {"networking.gke.io/load-balancer-type": "Internal"}})
    assert made["spec"]["type"] == "LoadBalancer"
    assert made["metadata"]["annotations"] == {"networking.gke.io/load-balancer-type": "Internal"}


def test_the_endpoints_are_those_of_the_service() -> None:
    answers = endpoints(pipeline({"decoder": {"model": "gs://b/d"}}).key, Component.DECODER)
    assert answers.grpc == "sd-decoder.art.svc:8500"
    assert answers.rest == "http://sd-decoder.art.svc:8501/v1/models/decoder"
