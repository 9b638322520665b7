"""Conditions in the Kubernetes convention."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sdp_operator.api.v1alpha1 import Condition, Pipeline, format_time
from sdp_operator.reasons import Reason
from sdp_serving.contract.components import Component

READY: Final = "Ready"
MODELS_READY: Final = "ModelsReady"
GPUS_READY: Final = "GPUsReady"
EXPORTED: Final = "Exported"
GATEWAY_READY: Final = "GatewayReady"
ROLLED_BACK: Final = "RolledBack"
"""There only while a model that is asked for was found bad."""
AUTOSCALING_READY: Final = "AutoscalingReady"
MONITORING_READY: Final = "MonitoringReady"
STALLED: Final = "Stalled"


def component_condition(component: Component) -> str:
    """The type of the component's condition, such as TextEncoderReady."""
    return f"{component.field[0].upper()}{component.field[1:]}Ready"


@dataclass(frozen=True)
class Verdict:
    """Whether something holds, why in one word, and why in a sentence."""

    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str

    @property
    def holds(self) -> bool:
        """Whether it is known to hold."""
        return self.status == "True"


def condition(kind: str, verdict: Verdict, pipeline: Pipeline, now: datetime) -> Condition:
    """The verdict as a condition. Its time of transition moves only when its status changes."""
    return Condition.model_validate(_dump(kind, verdict, pipeline.generation, pipeline.status, now))


def invalid_status(body: Mapping[str, Any], message: str, now: datetime) -> dict[str, Any]:
    """The status of a custom resource whose spec can't be read: as it was, but not Ready."""
    previous = body.get("status", {})
    generation = body["metadata"]["generation"]
    named = {
        READY: Verdict("False", Reason.INVALID_SPEC, message),
        STALLED: Verdict("True", Reason.INVALID_SPEC, message),
    }
    said = [_dump(kind, verdict, generation, previous, now) for kind, verdict in named.items()]
    others = [one for one in previous.get("conditions", []) if one["type"] not in named]
    return {"gpus": 0, **previous, "observedGeneration": generation, "conditions": [*said, *others]}


def _dump(kind: str, verdict: Verdict, generation: int, status: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    previous = next((one for one in status.get("conditions", []) if one["type"] == kind), None)
    unchanged = previous is not None and previous["status"] == verdict.status
    return {
        "type": kind,
        "status": verdict.status,
        "reason": str(verdict.reason),
        "message": verdict.message,
        "lastTransitionTime": previous["lastTransitionTime"] if previous and unchanged else format_time(now),
        "observedGeneration": generation,
    }
