"""The cache of models that pods share: a folder of the node, or a PersistentVolumeClaim."""

from pathlib import PurePosixPath
from typing import Final

from sdp_operator.api.v1alpha1 import Cache
from sdp_operator.desired.argument import literal
from sdp_operator.objects import KubeObject
from sdp_operator.settings import CACHE_FOLDER, Settings

_VOLUME: Final = "model-cache"
_GIB: Final = 1 << 30


def cache_flags(cache: Cache | None) -> list[str]:
    """The flags by which a puller finds the cache."""
    if cache is None:
        return []
    return ["--cache", literal(str(CACHE_FOLDER)), "--cache-bytes", str(cache.size_gib * _GIB)]


def cache_mounts(cache: Cache | None) -> list[KubeObject]:
    """Where the cache appears in the pullers' containers."""
    return [] if cache is None else [{"name": _VOLUME, "mountPath": str(CACHE_FOLDER)}]


def cache_volumes(cache: Cache | None) -> list[KubeObject]:
    """The pod's volume."""
    if cache is None:
        return []
    if cache.claim_name is not None:
        return [{"name": _VOLUME, "persistentVolumeClaim": {"claimName": cache.claim_name}}]
    return [{"name": _VOLUME, "hostPath": {"path": cache.host_path, "type": "DirectoryOrCreate"}}]


def cache_refusal(cache: Cache | None, settings: Settings) -> str | None:
    """Why the operator's settings forbid this cache, and what to do; None when they allow it."""
    if cache is None or cache.host_path is None:
        return None
    root = settings.cache_root
    if root is None:
        return (
            f"cache.hostPath is {cache.host_path}, a folder of the nodes, which this operator refuses: use"
            " cache.claimName, or have the operator's administrator set SDP_CACHE_ROOT"
        )
    if not PurePosixPath(cache.host_path).is_relative_to(root):
        return (
            f"cache.hostPath is {cache.host_path}, outside of {root}, the only folder of the nodes that this operator"
            " allows for it: choose one below that"
        )
    return None
