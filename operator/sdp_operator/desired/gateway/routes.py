"""The ConfigMap by which the gateways know of canaries.

They read it again whenever it changes, so that no change of it makes their pods anew.
"""

from collections.abc import Mapping
from typing import Final

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.digest import digest
from sdp_operator.desired.identity import GATEWAY, child_name, metadata
from sdp_operator.desired.telling import to_tell
from sdp_operator.objects import KubeObject
from sdp_operator.pods import is_living
from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import ROUTES_FILE, Canary, Routes

_FOLDER: Final = "/etc/sdpipeline/routes"
_VOLUME: Final = "routes"


def routes_config_map(pipeline: Pipeline, canaries: Mapping[Component, Canary]) -> KubeObject:
    """The ConfigMap with these canaries."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(pipeline, GATEWAY),
        "data": {ROUTES_FILE: Routes(canaries=canaries).model_dump_json()},
    }


def gateways_to_tell(canaries: Mapping[Component, Canary], pods: Mapping[str, KubeObject]) -> Mapping[str, str]:
    """Which of the gateway's pods are to look at these canaries now, by name: with a digest of them."""
    routes = digest(Routes(canaries=canaries).model_dump(mode="json"))
    digests = {name: routes for name, pod in pods.items() if is_living(pod)}
    return to_tell(digests, pods, is_news=bool(canaries))


def routes_volume(pipeline: Pipeline) -> KubeObject:
    """The volume with the file. A gateway without it does its work too."""
    return {"name": _VOLUME, "configMap": {"name": child_name(pipeline, GATEWAY), "optional": True}}


def routes_mount() -> KubeObject:
    """Where the file appears: as a folder, for a single file that is mounted never changes."""
    return {"name": _VOLUME, "mountPath": _FOLDER, "readOnly": True}


def routes_flag() -> str:
    """The flag by which the gateway finds the file."""
    return f"--routes={_FOLDER}/{ROUTES_FILE}"
