"""The HorizontalPodAutoscaler of a component."""

from typing import Final

from sdp_operator.api.v1alpha1 import Autoscaling, Pipeline, ScalingMetric
from sdp_operator.desired.identity import child_name, metadata
from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import Component

_CPU_PERCENT: Final = 80

# A new replica loads its model for minutes before it helps, so neither a short peak nor a short lull is a reason.
_BEHAVIOR: Final[KubeObject] = {
    "scaleUp": {
        "stabilizationWindowSeconds": 60,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Pods", "value": 2, "periodSeconds": 60},
            {"type": "Percent", "value": 100, "periodSeconds": 60},
        ],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 600,
        "selectPolicy": "Max",
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
    },
}


def autoscaler(pipeline: Pipeline, component: Component, autoscaling: Autoscaling) -> KubeObject:
    """The component's HorizontalPodAutoscaler."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(pipeline, component),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": child_name(pipeline, component),
            },
            "minReplicas": autoscaling.min_replicas,
            "maxReplicas": autoscaling.max_replicas,
            "metrics": [_cpu(autoscaling) if autoscaling.metric is None else _metric(autoscaling.metric)],
            "behavior": _BEHAVIOR,
        },
    }


def _cpu(autoscaling: Autoscaling) -> KubeObject:
    percent = autoscaling.cpu_utilization_percent or _CPU_PERCENT
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def _metric(metric: ScalingMetric) -> KubeObject:
    labels = {"selector": {"matchLabels": dict(metric.match_labels)}} if metric.match_labels else {}
    followed = {
        "metric": {"name": metric.name, **labels},
        "target": {"type": "AverageValue", "averageValue": str(metric.average_value)},
    }
    match metric.source:
        case "Pods":
            return {"type": "Pods", "pods": followed}
        case "External":
            return {"type": "External", "external": followed}
