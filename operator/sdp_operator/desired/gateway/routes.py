"""The ConfigMap by which the gateways know of the pipeline's models.

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
from sdp_serving.contract.routes import ROUTES_FILE, Routes

_FOLDER: Final = "/etc/sdpipeline/routes"
_VOLUME: Final = "routes"


def routes_config_map(pipeline: Pipeline, routes: Routes) -> KubeObject:
    """The ConfigMap with what the gateways are told."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(pipeline, GATEWAY),
        "data": {ROUTES_FILE: routes.model_dump_json(exclude_none=True)},
    }


def gateways_to_tell(routes: Routes, pods: Mapping[str, KubeObject]) -> Mapping[str, str]:
    """Which of the gateway's pods are to look at the routes now, by name: with a digest of them."""
    told = digest(routes.model_dump(mode="json", exclude_none=True))
    digests = {name: told for name, pod in pods.items() if is_living(pod)}
    # Models become known while the first gateways start.
    return to_tell(digests, pods, is_news=True)


def routes_volume(pipeline: Pipeline) -> KubeObject:
    """The volume with the file. A gateway without it does its work too."""
    return {"name": _VOLUME, "configMap": {"name": child_name(pipeline, GATEWAY), "optional": True}}


def routes_mount() -> KubeObject:
    """Where the file appears: as a folder, for a single file that is mounted never changes."""
    return {"name": _VOLUME, "mountPath": _FOLDER, "readOnly": True}


def routes_flag() -> str:
    """The flag by which the gateway finds the file."""
    return f"--routes={_FOLDER}/{ROUTES_FILE}"
