"""The PodMonitors, by which the Prometheus operator finds the metrics of the model servers and of the gateways."""

from sdp_operator.api.v1alpha1 import Pipeline, PodMonitor
from sdp_operator.desired.identity import COMPONENT, INSTANCE, metadata, selector
from sdp_operator.objects import KubeObject


def pod_monitor(pipeline: Pipeline, part: str, asked: PodMonitor, *, port: str, path: str) -> KubeObject:
    """The PodMonitor of a part of the pipeline, whose pods tell their metrics at this path and named port."""
    meta = metadata(pipeline, part)
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {**meta, "labels": {**(asked.labels or {}), **meta["labels"]}},
        "spec": {
            "selector": {"matchLabels": selector(pipeline, part)},
            # They tell the metrics of several pipelines and components apart.
            "podTargetLabels": [INSTANCE, COMPONENT],
            "podMetricsEndpoints": [{"port": port, "path": path, "interval": asked.interval}],
        },
    }
