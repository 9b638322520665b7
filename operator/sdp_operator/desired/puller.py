"""The init container that brings a model beside its server, and the volumes that it needs."""

from pathlib import PurePosixPath
from typing import Final

from sdp_operator.desired.model_server import MODELS_FOLDER
from sdp_operator.desired.security import CONTAINER_SECURITY
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component

CONTAINER: Final = "puller"
_FILES_VOLUME: Final = "local-files"


def puller(component: Component, uri: ModelUri, settings: Settings) -> KubeObject:
    """The puller's container. Its termination message is a PullReport."""
    container: KubeObject = {
        "name": CONTAINER,
        "image": settings.puller_image,
        "command": ["python3", "-m", "sdp_serving.puller"],
        "args": ["--component", str(component), "--uri", str(uri), "--models", MODELS_FOLDER],
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "models", "mountPath": MODELS_FOLDER},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        ],
    }
    if settings.storage_emulator_host is not None:
        container["env"] = [{"name": "STORAGE_EMULATOR_HOST", "value": settings.storage_emulator_host}]
    if uri.scheme == "file":
        folder = str(settings.local_files_root)
        container["volumeMounts"].append({"name": _FILES_VOLUME, "mountPath": folder, "readOnly": True})
    return container


def puller_volumes(uri: ModelUri, settings: Settings) -> list[KubeObject]:
    """The volumes that the puller needs beside /tmp."""
    volumes: list[KubeObject] = [{"name": "models", "emptyDir": {}}]
    if uri.scheme == "file":
        volumes.append(
            {"name": _FILES_VOLUME, "hostPath": {"path": str(settings.local_files_root), "type": "Directory"}}
        )
    return volumes


def refusal(uri: ModelUri, settings: Settings) -> str | None:
    """Why the operator's settings forbid this URI, and what to do; None when they allow it."""
    if uri.scheme != "file":
        return None
    root = settings.local_files_root
    if root is None:
        return (
            f"{uri} names a folder of a node, which this operator refuses: upload the model and give its gs:// URI,"
            " or have the operator's administrator set SDP_LOCAL_FILES_ROOT"
        )
    if not PurePosixPath(uri.location).is_relative_to(root):
        return f"{uri} lies outside of {root}, the only folder of the nodes that this operator allows: move it there"
    return None
