"""What the demo asks of its pipeline: apply, wait, swap one field, see what changed."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from demo.console import Say
from demo.shell import DemoError, quietly
from sdp_serving.contract.components import DRAWING, Component

NAME: Final = "sd-tiny"
_LOOK_EVERY: Final = 0.5
"""Seconds between two looks at the condition that is waited for: each starts a kubectl."""


def wait_until_ready(say: Say, *, seconds: float) -> None:
    """Wait until the pipeline serves what its spec asks for, and say meanwhile what is missing.

    Raises:
        DemoError: it does not in that time; the message is the pipeline's own.
    """
    deadline = time.monotonic() + seconds
    while True:
        pipeline = json.loads(quietly("kubectl", "get", "sdpipeline", NAME, "-o", "json"))
        ready = _ready(pipeline)
        if ready["status"] == "True":
            return
        if time.monotonic() > deadline:
            raise DemoError(
                f"The pipeline {NAME} is not Ready after {seconds:.0f} s: {ready['message']}"
                f" See `kubectl describe sdpipeline {NAME}`."
            )
        say(ready["message"])
        time.sleep(_LOOK_EVERY)


def swap(component: Component, uri: str) -> tuple[str, ...]:
    """The command that changes the one field."""
    patch = json.dumps({"spec": {component.field: {"model": uri}}})
    return ("kubectl", "patch", "sdpipeline", NAME, "--type=merge", f"--patch={patch}")


def pods() -> Mapping[Component, frozenset[str]]:
    """The names of each component's pods."""
    return {component: frozenset(_pods(component).split()) for component in DRAWING}


def _pods(component: Component) -> str:
    selector = f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component={component}"
    return quietly("kubectl", "get", "pods", "-l", selector, "-o", "jsonpath={.items[*].metadata.name}")


def _ready(pipeline: Mapping[str, Any]) -> Mapping[str, str]:
    status = pipeline.get("status", {})
    conditions = {condition["type"]: condition for condition in status.get("conditions", [])}
    ready: Mapping[str, str] | None = conditions.get("Ready")
    if ready is None or status.get("observedGeneration") != pipeline["metadata"]["generation"]:
        return {"status": "Unknown", "message": "the operator has not looked at it yet"}
    return ready
