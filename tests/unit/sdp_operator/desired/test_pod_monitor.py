"""The PodMonitors."""

from tests.support.pipelines import pipeline

from sdp_operator.api.v1alpha1 import PodMonitor
from sdp_operator.desired.identity import selector
from sdp_operator.desired.pod_monitor import pod_monitor
from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import Component

PARENT = pipeline({"decoder": {"model": "gs://b/d"}})


def _made(asked: KubeObject) -> KubeObject:
    return pod_monitor(PARENT, Component.DECODER, PodMonitor.model_validate(asked), port="rest", path="/metrics")


def test_it_reads_the_metrics_of_the_components_pods() -> None:
    spec = _made({"interval": "15s"})["spec"]
    assert spec["selector"] == {"matchLabels": selector(PARENT, Component.DECODER)}
    assert spec["podMetricsEndpoints"] == [{"port": "rest", "path": "/metrics", "interval": "15s"}]


def test_it_has_the_labels_that_a_prometheus_looks_for_and_keeps_the_operators() -> None:
    labels = _made({"labels": {"release": "prometheus", "app.kubernetes.io/instance": "theirs"}})["metadata"]["labels"]
    assert labels["release"] == "prometheus"
    assert labels["app.kubernetes.io/instance"] == "sd"
