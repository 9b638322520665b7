"""A PersistentVolumeClaim that models lie on: mounted read-only, as a whole for the puller that verifies the model, and
the model alone for the server.
"""

from typing import Final

from sdp_operator.desired.config_map import MODELS_FOLDER
from sdp_operator.desired.source import Mounted
from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import Component

_VOLUME: Final = "model-claim"
_CLAIM_FOLDER: Final = "/mnt/claim"
"""Where the puller looks for it."""


def claim_volume(source: Mounted) -> KubeObject:
    """The pod's volume."""
    return {"name": _VOLUME, "persistentVolumeClaim": {"claimName": source.claim, "readOnly": True}}


def whole_claim_mount() -> KubeObject:
    """Where all of the claim appears: a path in it that is not there can be told of by the puller only."""
    return {"name": _VOLUME, "mountPath": _CLAIM_FOLDER, "readOnly": True}


def model_mount(component: Component, source: Mounted) -> KubeObject:
    """Where the model appears to its server: a pinned version alone, or all versions."""
    version = [] if source.uri.version is None else [str(source.uri.version)]
    path = "/".join(part for part in (source.path, *version) if part)
    return {
        "name": _VOLUME,
        "mountPath": "/".join([MODELS_FOLDER, str(component), *version]),
        **({"subPath": path} if path else {}),
        "readOnly": True,
    }
