"""What requests meet while a component changes, in words."""

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.plan.result import Gpus, Way


def interruption(way: Way, pipeline: Pipeline, *, serving: int, gpus: Gpus | None) -> str:
    """What is to be expected.

    Args:
        way: how the new model or the new pods come.
        pipeline: the pipeline as it would be.
        serving: how many replicas answer now.
        gpus: the GPUs that it takes.
    """
    if not serving:
        return "none: no replica answers now"
    match way.strategy:
        case "InPlace":
            return "none expected: the running model answers until the new one, beside it, has proven good"
        case "Surge":
            short = gpus is not None and gpus.free is not None and gpus.free < gpus.needed
            waits = "; the new pods wait for GPUs meanwhile" if short else ""
            return f"none expected: the running pods answer until the new ones are ready{waits}"
        case "Drain":
            return _drained(pipeline, serving)


def _drained(pipeline: Pipeline, serving: int) -> str:
    if serving > 1:
        return f"none expected, but one of {serving} replicas at a time is missing while its model loads"
    gateway = pipeline.spec.gateway
    if gateway is not None and gateway.enabled and gateway.hold_seconds:
        held = f"up to {gateway.hold_seconds} s"
        return f"while the model loads: requests through the gateway wait ({held}), all others fail"
    return "requests fail while the model loads"
