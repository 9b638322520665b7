"""The containers that bring models beside their server, and the volumes that they need."""

from pathlib import PurePosixPath
from typing import Final

from sdp_operator.api.v1alpha1 import Cache, ComponentSpec, Pipeline, StableDiffusion
from sdp_operator.desired.cache import cache_flags, cache_mounts, cache_refusal, cache_volumes
from sdp_operator.desired.claim import claim_volume, whole_claim_mount
from sdp_operator.desired.config_map import MODELS_FOLDER
from sdp_operator.desired.model_server import server_image
from sdp_operator.desired.models_config_map import DESIRED_FOLDER, models_mount, models_volume
from sdp_operator.desired.security import CONTAINER_SECURITY
from sdp_operator.desired.source import Baked, Mounted, Pulled, Rollout, Source
from sdp_operator.desired.storage import storage_env, storage_mounts, storage_volumes
from sdp_operator.desired.tensorflow import server_tensorflow
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component
from sdp_serving.contract.swap import DESIRED_FILE, READY_PATH, REPORT_PATH, REPORT_PORT

CONTAINER: Final = "puller"
"""Brings or verifies the first model, then ends. Its termination message is a PullReport."""

SIDECAR: Final = "model-puller"
"""Stays beside the server, brings the models that follow and reports."""

_RESOURCES: Final = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"cpu": "2", "memory": "1Gi"},
}
"""Of their own, since a ResourceQuota lets no container go without, and the user's are the server's. Their memory does
not grow with the model: eight parts of 16 MiB are on their way at a time."""

_REQUESTS_AT_REST: Final = {"cpu": "10m", "memory": "128Mi"}
"""What a puller that waits for the next model has beside the server."""


def pullers(
    pipeline: Pipeline, component: Component, spec: ComponentSpec, rollout: Rollout, settings: Settings
) -> list[KubeObject]:
    """The init containers of the pods of a rollout; none for an image that holds the model."""
    source, cache, storage = rollout.source, pipeline.spec.cache, pipeline.spec.storage
    args = [
        *("--component", str(component), "--rollout", rollout.name),
        *("--desired", f"{DESIRED_FOLDER}/{DESIRED_FILE}"),
        *_demands(pipeline.spec.stable_diffusion),
        *_demands_of_the_server(spec, source, settings),
    ]
    match source:
        case Baked():
            return []
        case Mounted():
            return [_first(["verify", *args], [whole_claim_mount()], [], settings)]
        case Pulled(uri):
            mounts = [
                {"name": "models", "mountPath": MODELS_FOLDER},
                *cache_mounts(cache),
                *storage_mounts([uri.scheme], storage, settings),
            ]
            args += ["--models", MODELS_FOLDER, *cache_flags(cache)]
            first = _first(["fetch", *args], mounts, storage_env([uri.scheme], storage, settings), settings)
            return [first, _sidecar(first)]


def _first(args: list[str], mounts: list[KubeObject], env: list[KubeObject], settings: Settings) -> KubeObject:
    container: KubeObject = {
        "name": CONTAINER,
        "image": settings.puller_image,
        "command": ["python3", "-m", "sdp_serving.puller"],
        "args": args,
        "resources": _RESOURCES,
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            models_mount(),
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
            *mounts,
        ],
    }
    if env:
        container["env"] = env
    return container


def _sidecar(first: KubeObject) -> KubeObject:
    return {
        **first,
        "name": SIDECAR,
        "args": ["follow", *first["args"][1:]],
        "resources": {**_RESOURCES, "requests": _REQUESTS_AT_REST},
        # What makes an init container a sidecar: the server starts while it runs.
        "restartPolicy": "Always",
        "ports": [{"name": "report", "containerPort": REPORT_PORT, "protocol": "TCP"}],
        # No startupProbe: the server, which it waits for, would not start before that succeeds.
        "readinessProbe": {
            "httpGet": {"path": READY_PATH, "port": REPORT_PORT},
            "periodSeconds": 2,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
        "livenessProbe": {
            "httpGet": {"path": REPORT_PATH, "port": REPORT_PORT},
            "periodSeconds": 30,
            "timeoutSeconds": 10,
            "failureThreshold": 4,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _demands(wanted: StableDiffusion | None) -> list[str]:
    """The flags that say what a model must be."""
    if wanted is None:
        return []
    size = [] if wanted.height is None or wanted.width is None else ["--image-size", f"{wanted.height}x{wanted.width}"]
    return ["--sd-version", str(wanted.version), *size]


def _demands_of_the_server(spec: ComponentSpec, source: Source, settings: Settings) -> list[str]:
    """The flags that say what the model server can serve."""
    tensorflow = server_tensorflow(spec, server_image(spec, source, settings), settings)
    return [
        *([] if tensorflow is None else ["--server-tensorflow", tensorflow]),
        *([] if spec.batching is None else ["--batching"]),
    ]


def puller_volumes(pipeline: Pipeline, part: str, source: Source, settings: Settings) -> list[KubeObject]:
    """The volumes that the pullers need beside /tmp, and that the server reads its model from."""
    match source:
        case Baked():
            return []
        case Mounted():
            return [models_volume(pipeline, part), claim_volume(source)]
        case Pulled(uri):
            return [
                models_volume(pipeline, part),
                {"name": "models", "emptyDir": {}},
                *cache_volumes(pipeline.spec.cache),
                *storage_volumes([uri.scheme], pipeline.spec.storage, settings),
            ]


def refusal(source: Source, cache: Cache | None, settings: Settings) -> str | None:
    """Why the operator's settings forbid this source or the cache, and what to do; None when they allow both."""
    if not isinstance(source, Pulled):
        return None
    return _file_refusal(source.uri, settings) or cache_refusal(cache, settings)


def _file_refusal(uri: ModelUri, settings: Settings) -> str | None:
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
