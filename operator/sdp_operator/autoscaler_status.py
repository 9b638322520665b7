"""Whether an autoscaler does its work."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sdp_operator.api.v1alpha1 import Autoscaling
from sdp_operator.conditions import Verdict
from sdp_operator.objects import KubeObject
from sdp_operator.reasons import Reason

METRICS_COME: Final = timedelta(minutes=2)
"""How long new replicas may be without metrics: these are gathered once or twice a minute, and looked at four times."""


def autoscaler_verdict(
    autoscaling: Autoscaling, autoscaler: KubeObject | None, served_since: datetime | None, now: datetime
) -> Verdict:
    """Whether the number of replicas follows the load.

    Args:
        autoscaling: what is asked for.
        autoscaler: the HorizontalPodAutoscaler; None while it is not there.
        served_since: when all replicas began to serve; None while they do not.
        now: the present time.
    """
    status = {} if autoscaler is None else autoscaler.get("status", {})
    said = {one["type"]: one for one in status.get("conditions", [])}
    if _holds(said, "AbleToScale") and _holds(said, "ScalingActive"):
        return Verdict("True", Reason.AUTOSCALING, "the number of replicas follows the load")
    if not said or served_since is None or now - served_since < METRICS_COME:
        return Verdict("Unknown", Reason.STARTING, "the autoscaler waits for replicas that serve, and their metrics")
    if not _holds(said, "AbleToScale"):
        words = _words(said.get("AbleToScale", {}))
        message = f"the autoscaler can't set the number of replicas ({words}): see the HorizontalPodAutoscaler"
        return Verdict("False", Reason.AUTOSCALER_FAILING, message)
    words = _words(said.get("ScalingActive", {}))
    message = f"the autoscaler can't read its metric, and the replicas stay as many as they are ({words})"
    return Verdict("False", Reason.METRIC_UNAVAILABLE, f"{message}: {_remedy(autoscaling)}")


def _remedy(autoscaling: Autoscaling) -> str:
    metric = autoscaling.metric
    if metric is None:
        return "install metrics-server, or name another metric in autoscaling.metric"
    return f"have an adapter such as prometheus-adapter serve {metric.name}, or correct autoscaling.metric"


def _holds(said: Mapping[str, Mapping[str, Any]], kind: str) -> bool:
    return said.get(kind, {}).get("status") == "True"


def _words(condition: Mapping[str, Any]) -> str:
    return " ".join(condition.get("message", "it says nothing of it").split())[:300]
