"""How the number of a Deployment's replicas passes from the operator to an autoscaler."""

from sdp_operator.desired.identity import MANAGER
from sdp_operator.objects import KubeObject


def keep_replicas(wanted: KubeObject, live: KubeObject | None) -> KubeObject:
    """The wanted Deployment, with the live one's number of replicas while that still is the operator's own.

    A field that its only owner applies no more falls back to its default, which is one replica. So the operator goes on
    applying the number that is there until the autoscaler has written one, and thereby taken the field over. Yet never
    zero, at which an autoscaler rests for ever; from one it goes on to its own minimum.
    """
    if live is None or "replicas" in wanted["spec"] or not _is_ours_alone(live):
        return wanted
    return {**wanted, "spec": {**wanted["spec"], "replicas": max(1, live["spec"]["replicas"])}}


def _is_ours_alone(live: KubeObject) -> bool:
    owners = [
        entry.get("manager")
        for entry in live["metadata"].get("managedFields") or []
        if "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})
    ]
    return owners == [MANAGER]
