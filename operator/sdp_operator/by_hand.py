"""Fields that somebody gave to a pod template which has none of them.

An apply leaves alone what it does not name, so the operator itself must take these out again. They are told by their
managers: what the API server or an admission webhook adds while the operator applies has none but the operator, and
stays. For the owner of the pods there is `overrides`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sdp_operator.desired.identity import MANAGER
from sdp_operator.objects import KubeObject

_FIELDS: Final = (
    "activeDeadlineSeconds", "dnsConfig", "hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostUsers", "hostname",
    "imagePullSecrets", "initContainers", "nodeName", "priorityClassName", "readinessGates", "runtimeClassName",
    "schedulingGates", "serviceAccount", "serviceAccountName", "subdomain", "tolerations", "topologySpreadConstraints",
)  # fmt: skip
"""What the API server never fills in by itself."""


def added_by_hand(live: KubeObject, wanted: KubeObject) -> Sequence[str]:
    """What to remove from the live Deployment: JSON pointers; nothing of any other kind."""
    if wanted.get("kind") != "Deployment":
        return []
    asked = wanted["spec"]["template"]["spec"]
    there = live["spec"]["template"]["spec"]
    foreign = _foreign(live["metadata"].get("managedFields") or [])
    return [
        f"/spec/template/spec/{field}"
        for field in _FIELDS
        if field in there and field in foreign and field not in asked and not _is_alias(field, asked)
    ]


def _is_alias(field: str, asked: Collection[str]) -> bool:
    # The API server keeps the older name of this field, too.
    return field == "serviceAccount" and "serviceAccountName" in asked


def _foreign(managed: Sequence[Mapping[str, Any]]) -> Collection[str]:
    """The fields of the pods that a manager beside the operator has set."""
    return {
        name.removeprefix("f:")
        for entry in managed
        if entry.get("manager") != MANAGER
        for name in entry.get("fieldsV1", {}).get("f:spec", {}).get("f:template", {}).get("f:spec", {})
    }
