"""The init container that brings a model beside its server, and the volumes that it needs."""

from pathlib import PurePosixPath
from typing import Final

from sdp_operator.api.v1alpha1 import Pipeline, StableDiffusion
from sdp_operator.desired.argument import literal
from sdp_operator.desired.config_map import MODELS_FOLDER
from sdp_operator.desired.security import CONTAINER_SECURITY
from sdp_operator.desired.storage import storage_env, storage_mounts, storage_volumes
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component

CONTAINER: Final = "puller"

_RESOURCES: Final = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"cpu": "2", "memory": "1Gi"},
}
"""Of its own, since a ResourceQuota lets no container go without, and the user's are the server's. Its memory does not
grow with the model: eight parts of 16 MiB are on their way at a time. The requests cost a node nothing where the server
asks for as much, for Kubernetes counts the larger of both."""


def puller(pipeline: Pipeline, component: Component, uri: ModelUri, settings: Settings) -> KubeObject:
    """The puller's container. Its termination message is a PullReport."""
    container: KubeObject = {
        "name": CONTAINER,
        "image": settings.puller_image,
        "command": ["python3", "-m", "sdp_serving.puller"],
        "args": [
            *("--component", str(component), "--uri", literal(str(uri)), "--models", MODELS_FOLDER),
            *_demands(pipeline.spec.stable_diffusion),
        ],
        "resources": _RESOURCES,
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "models", "mountPath": MODELS_FOLDER},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
            *storage_mounts(uri, pipeline.spec.storage, settings),
        ],
    }
    if env := storage_env(uri, pipeline.spec.storage, settings):
        container["env"] = env
    return container


def _demands(wanted: StableDiffusion | None) -> list[str]:
    """The flags that say what a model must be."""
    if wanted is None:
        return []
    size = [] if wanted.height is None or wanted.width is None else ["--image-size", f"{wanted.height}x{wanted.width}"]
    return ["--sd-version", wanted.version, *size]


def puller_volumes(pipeline: Pipeline, uri: ModelUri, settings: Settings) -> list[KubeObject]:
    """The volumes that the puller needs beside /tmp."""
    return [{"name": "models", "emptyDir": {}}, *storage_volumes(uri, pipeline.spec.storage, settings)]


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
