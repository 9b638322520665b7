"""The PodMonitor of a component, by which the Prometheus operator finds its metrics."""

from sdp_operator.api.v1alpha1 import Pipeline, PodMonitor
from sdp_operator.desired.config_map import METRICS_PATH
from sdp_operator.desired.identity import COMPONENT, INSTANCE, metadata, selector
from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import Component


def pod_monitor(pipeline: Pipeline, component: Component, asked: PodMonitor) -> KubeObject:
    """The component's PodMonitor."""
    meta = metadata(pipeline, component)
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {**meta, "labels": {**(asked.labels or {}), **meta["labels"]}},
        "spec": {
            "selector": {"matchLabels": selector(pipeline, component)},
            # They tell the metrics of several pipelines and components apart.
            "podTargetLabels": [INSTANCE, COMPONENT],
            "podMetricsEndpoints": [{"port": "rest", "path": METRICS_PATH, "interval": asked.interval}],
        },
    }
