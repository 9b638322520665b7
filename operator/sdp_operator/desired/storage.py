"""What a container needs to reach the storage that models lie in: environment, mounts and the pod's volumes."""

from collections.abc import Collection
from typing import Final

from sdp_operator.api.v1alpha1 import Storage
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings

Schemes = Collection[str]
"""Of the URIs that a container reaches, such as `gs`."""

KEY_FILE: Final = "key.json"
"""The key of the Secret under which the key of a Google service account lies."""

_FILES_VOLUME: Final = "local-files"
_KEY_VOLUME: Final = "storage-key"
_KEY_FOLDER: Final = "/var/run/secrets/sdpipeline"


def storage_env(schemes: Schemes, storage: Storage | None, settings: Settings) -> list[KubeObject]:
    """The container's environment variables."""
    env: list[KubeObject] = []
    if settings.storage_emulator_host is not None:
        env.append({"name": "STORAGE_EMULATOR_HOST", "value": settings.storage_emulator_host})
    if _secret(schemes, storage) is not None:
        env.append({"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": f"{_KEY_FOLDER}/{KEY_FILE}"})
    return env


def storage_mounts(
    schemes: Schemes, storage: Storage | None, settings: Settings, *, writable: bool = False
) -> list[KubeObject]:
    """The container's mounts of `storage_volumes`.

    Args:
        schemes: of the URIs that the container reaches.
        storage: the pipeline's.
        settings: the operator's.
        writable: whether the container writes the model; the key can never be written.
    """
    mounts: list[KubeObject] = []
    if "file" in schemes:
        mounts.append(
            {
                "name": _FILES_VOLUME,
                "mountPath": str(settings.local_files_root),
                **({} if writable else {"readOnly": True}),
            }
        )
    if _secret(schemes, storage) is not None:
        mounts.append({"name": _KEY_VOLUME, "mountPath": _KEY_FOLDER, "readOnly": True})
    return mounts


def storage_volumes(schemes: Schemes, storage: Storage | None, settings: Settings) -> list[KubeObject]:
    """The pod's volumes."""
    volumes: list[KubeObject] = []
    if "file" in schemes:
        path = {"path": str(settings.local_files_root), "type": "Directory"}
        volumes.append({"name": _FILES_VOLUME, "hostPath": path})
    if (secret := _secret(schemes, storage)) is not None:
        # Optional, for whoever reads the key says in one sentence that it is missing; a pod that waits for a Secret
        # says nothing, and this one finds the Secret once it is there.
        volumes.append({"name": _KEY_VOLUME, "secret": {"secretName": secret, "optional": True}})
    return volumes


def _secret(schemes: Schemes, storage: Storage | None) -> str | None:
    return storage.secret_name if storage is not None and "gs" in schemes else None
