"""What the cluster holds of a pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.identity import INSTANCE, MANAGED_BY, MANAGER
from sdp_operator.objects import KubeObject

ObjectKey = tuple[str, str]
"""The kind and the name of an object in a pipeline's namespace."""


@dataclass(frozen=True)
class LiveChildren:
    """The objects that a pipeline owns, and the pods that these have made.

    Attributes:
        objects: what the pipeline owns, by kind and name.
        orphans: what it would own, had it not been left without an owner; it is taken back as it is.
        pods: the pods of its Deployments, by name.
        job_pods: the pods of its Jobs, by name.
        words: what Kubernetes said last of a pod that it has trouble with, by the pod's name.
    """

    objects: Mapping[ObjectKey, KubeObject] = field(default_factory=dict)
    orphans: Mapping[ObjectKey, KubeObject] = field(default_factory=dict)
    pods: Mapping[str, KubeObject] = field(default_factory=dict)
    job_pods: Mapping[str, KubeObject] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def find(self, kind: str, name: str) -> KubeObject | None:
        """The object, be it owned or to be taken back."""
        return self.objects.get((kind, name)) or self.orphans.get((kind, name))


def object_key(thing: KubeObject) -> ObjectKey:
    """The object's key."""
    return thing["kind"], thing["metadata"]["name"]


def maker(pod: KubeObject) -> str | None:
    """The kind of what made this pod; None for one of somebody who copied its labels, as `kubectl debug` can."""
    owners = pod["metadata"].get("ownerReferences", [])
    return next((owner["kind"] for owner in owners if owner.get("controller")), None)


def is_owned(child: KubeObject, pipeline: Pipeline) -> bool:
    """Whether the pipeline, and not a namesake, controls this object."""
    owners = child["metadata"].get("ownerReferences", [])
    return any(owner["uid"] == pipeline.uid and owner.get("controller") for owner in owners)


def is_orphan_of(child: KubeObject, pipeline: Pipeline) -> bool:
    """Whether the object was made for a pipeline of this name and nobody controls it now.

    `kubectl delete --cascade=orphan` leaves such children, and so does a hand that takes the owner away.
    """
    meta = child["metadata"]
    labels = meta.get("labels", {})
    is_ours = labels.get(MANAGED_BY) == MANAGER and labels.get(INSTANCE) == pipeline.name
    return is_ours and not any(owner.get("controller") for owner in meta.get("ownerReferences", []))
