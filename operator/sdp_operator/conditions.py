"""Conditions in the Kubernetes convention."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sdp_operator.api.v1alpha1 import Condition, Pipeline, format_time
from sdp_operator.reasons import Reason


@dataclass(frozen=True)
class Verdict:
    """Whether something holds, why in one word, and why in a sentence."""

    holds: bool
    reason: str
    message: str


def condition(kind: str, verdict: Verdict, pipeline: Pipeline, now: datetime) -> Condition:
    """The verdict as a condition. Its time of transition moves only when its status changes."""
    return Condition.model_validate(_dump(kind, verdict, pipeline.generation, pipeline.status, now))


def invalid_status(body: Mapping[str, Any], message: str, now: datetime) -> dict[str, Any]:
    """The status of a custom resource whose spec can't be read: as it was, but not Ready."""
    previous = body.get("status", {})
    generation = body["metadata"]["generation"]
    ready = _dump("Ready", Verdict(False, Reason.INVALID_SPEC, message), generation, previous, now)
    others = [one for one in previous.get("conditions", []) if one["type"] != "Ready"]
    return {"gpus": 0, **previous, "observedGeneration": generation, "conditions": [ready, *others]}


def _dump(kind: str, verdict: Verdict, generation: int, status: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    value = "True" if verdict.holds else "False"
    previous = next((one for one in status.get("conditions", []) if one["type"] == kind), None)
    unchanged = previous is not None and previous["status"] == value
    return {
        "type": kind,
        "status": value,
        "reason": str(verdict.reason),
        "message": verdict.message,
        "lastTransitionTime": previous["lastTransitionTime"] if previous and unchanged else format_time(now),
        "observedGeneration": generation,
    }
