"""The ConfigMap by which the operator tells a component's pullers which models it wants.

Unlike the one that the model servers read, it changes while the pods run.
"""

import json
from typing import Final

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.identity import child_name, metadata
from sdp_operator.objects import KubeObject
from sdp_operator.swap.state import STATE_KEY
from sdp_serving.contract.swap import DESIRED_FILE, DesiredModels

DESIRED_FOLDER: Final = "/etc/sdpipeline"

_VOLUME: Final = "desired-models"


def models_config_map(
    pipeline: Pipeline, part: str, desired: DesiredModels, state_json: str | None = None
) -> KubeObject:
    """The ConfigMap of models of a component, or of the canary.

    Args:
        pipeline: its owner.
        part: whose it is.
        desired: what the pullers are to bring about.
        state_json: what the operator itself remembers; None for the canary, which is remembered with its component.
    """
    about = metadata(pipeline, part)
    content = desired.model_dump(mode="json", exclude_none=True)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {**about, "name": models_config_map_name(pipeline, part)},
        "data": {
            DESIRED_FILE: json.dumps(content, sort_keys=True, separators=(",", ":")),
            **({} if state_json is None else {STATE_KEY: state_json}),
        },
    }


def models_config_map_name(pipeline: Pipeline, part: str) -> str:
    """Its name."""
    return f"{child_name(pipeline, part)}-models"


def models_volume(pipeline: Pipeline, part: str) -> KubeObject:
    """The volume with what concerns the pullers, which need not see what the operator remembers."""
    items = [{"key": DESIRED_FILE, "path": DESIRED_FILE}]
    return {"name": _VOLUME, "configMap": {"name": models_config_map_name(pipeline, part), "items": items}}


def models_mount() -> KubeObject:
    """Where it appears in the pullers' containers."""
    return {"name": _VOLUME, "mountPath": DESIRED_FOLDER, "readOnly": True}
