"""The HorizontalPodAutoscaler of a component."""

import pytest
from tests.support.pipelines import pipeline

from sdp_operator.api.v1alpha1 import Autoscaling
from sdp_operator.desired.autoscaler import autoscaler
from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import Component


def _spec(asked: KubeObject) -> KubeObject:
    parent = pipeline({"decoder": {"model": "gs://b/d"}})
    autoscaling = Autoscaling.model_validate({"maxReplicas": 5, **asked})
    spec: KubeObject = autoscaler(parent, Component.DECODER, autoscaling)["spec"]
    return spec


def test_it_scales_the_components_deployment_within_its_bounds() -> None:
    spec = _spec({"minReplicas": 2})
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "sd-decoder"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)


@pytest.mark.parametrize(("asked", "percent"), [({}, 80), ({"cpuUtilizationPercent": 55}, 55)])
def test_it_follows_the_cpu_when_no_metric_is_named(asked: KubeObject, percent: int) -> None:
    target = {"type": "Utilization", "averageUtilization": percent}
    assert _spec(asked)["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


@pytest.mark.parametrize(("source", "field"), [("Pods", "pods"), ("External", "external")])
def test_it_follows_the_metric_that_is_named(source: str, field: str) -> None:
    metric = {"source": source, "name": "waiting", "averageValue": 20, "matchLabels": {"queue": "art"}}
    assert _spec({"metric": metric})["metrics"] == [
        {
            "type": source,
            field: {
                "metric": {"name": "waiting", "selector": {"matchLabels": {"queue": "art"}}},
                "target": {"type": "AverageValue", "averageValue": "20"},
            },
        }
    ]


def test_a_metric_without_labels_has_no_selector() -> None:
    (metric,) = _spec({"metric": {"name": "waiting", "averageValue": "500m"}})["metrics"]
    assert metric["pods"]["metric"] == {"name": "waiting"}


def test_replicas_go_more_slowly_than_they_come_since_loading_a_model_is_dear() -> None:
    behavior = _spec({})["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] > behavior["scaleUp"]["stabilizationWindowSeconds"]
    assert [policy["value"] for policy in behavior["scaleDown"]["policies"]] == [1]
