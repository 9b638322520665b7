"""The Secret by which the gateways know who may use them.

It is mounted whole, so that what changes in it reaches them without a restart. Only the kubelet reads it: the operator
has no right to.
"""

from typing import Final

from sdp_operator.api.v1alpha1 import GatewayAuth
from sdp_operator.objects import KubeObject

VOLUME: Final = "api-keys"

_FOLDER: Final = "/etc/sdpipeline/api-keys"
_READABLE_BY_OWNER_AND_GROUP: Final = 0o440


def api_keys_volumes(auth: GatewayAuth | None) -> list[KubeObject]:
    """The volume with a file for each client. Never optional: a gateway without its keys would serve everybody."""
    if auth is None:
        return []
    secret = {"secretName": auth.secret_name, "defaultMode": _READABLE_BY_OWNER_AND_GROUP}
    return [{"name": VOLUME, "secret": secret}]


def api_keys_mounts(auth: GatewayAuth | None) -> list[KubeObject]:
    """Where the files appear: as a folder, for a single file that is mounted never changes."""
    return [] if auth is None else [{"name": VOLUME, "mountPath": _FOLDER, "readOnly": True}]


def api_keys_flags(auth: GatewayAuth | None) -> list[str]:
    """The flag by which the gateway finds the folder."""
    return [] if auth is None else [f"--api-keys={_FOLDER}"]
