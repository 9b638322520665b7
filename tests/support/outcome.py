"""What a pipeline has come to, in a form in which two pipelines can be compared."""

import json
import re
from pathlib import Path
from typing import Any

from tests.support.api import read, send

from sdp_operator.api.v1alpha1 import KIND
from sdp_operator.cluster.kinds import CHILDREN
from sdp_operator.desired.identity import INSTANCE

_GIVEN_BY_THE_SERVER = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"})
_GIVEN_TO_SERVICES = frozenset({"clusterIP", "clusterIPs"})
_TIMES = frozenset({"lastTransitionTime", "started", "seconds"})
_DIGEST = re.compile(r"\b[0-9a-f]{16}\b")
"""Of things that hold the pipeline's name; what they are digests of is compared itself."""

_NUMBER = re.compile(r"\b[0-9]{13}\b")
"""Of models and rollouts: the time at which they were first asked for."""

_TIME = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z")

_REVISION = "deployment.kubernetes.io/revision"


def outcome(kubeconfig: Path, namespace: str, name: str) -> dict[str, Any]:
    """The status and the children, without times, addresses, digests and the pipeline's name."""
    pipeline = read(kubeconfig, namespace, "stablediffusionpipelines", name)
    found = {
        "status": _without(pipeline.get("status", {}), _TIMES),
        "finalizers": pipeline["metadata"].get("finalizers", []),
        **{
            f"{kind}/{child['metadata']['name']}": _child(child, pipeline)
            for kind, child in children(kubeconfig, namespace, name)
        },
    }
    anonymous = _DIGEST.sub("DIGEST", json.dumps(found).replace(name, "NAME"))
    anonymous = _TIME.sub("TIME", _NUMBER.sub("NUMBER", anonymous))
    comparable: dict[str, Any] = json.loads(anonymous)
    return comparable


def children(kubeconfig: Path, namespace: str, name: str) -> list[tuple[str, dict[str, Any]]]:
    """All objects that carry the pipeline's label, with their kinds."""
    query = {"labelSelector": f"{INSTANCE}={name}"}
    return [
        (kind.name, item)
        for kind in CHILDREN
        if not kind.is_optional
        for item in send(kubeconfig, "GET", kind.path(namespace), query=query)["items"]
    ]


def is_owned_by(child: dict[str, Any], pipeline: dict[str, Any]) -> bool:
    """Whether the pipeline, and not a namesake, owns it alone."""
    return [(one["kind"], one["uid"]) for one in child["metadata"].get("ownerReferences", [])] == [
        (KIND, pipeline["metadata"]["uid"])
    ]


def _child(child: dict[str, Any], pipeline: dict[str, Any]) -> dict[str, Any]:
    meta = {key: value for key, value in child["metadata"].items() if key not in _GIVEN_BY_THE_SERVER}
    meta["ownerReferences"] = is_owned_by(child, pipeline)
    meta["annotations"] = {key: value for key, value in meta.get("annotations", {}).items() if key != _REVISION}
    rest = {key: value for key, value in child.items() if key not in {"metadata", "status"}}
    return {"metadata": meta, **_without(rest, _GIVEN_TO_SERVICES)}


def _without(thing: Any, keys: frozenset[str]) -> Any:
    if isinstance(thing, dict):
        return {key: _without(value, keys) for key, value in thing.items() if key not in keys}
    return [_without(one, keys) for one in thing] if isinstance(thing, list) else thing
