"""What the cluster holds of a pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.objects import KubeObject


@dataclass(frozen=True)
class LiveChildren:
    """The objects that a pipeline owns, and the pods of its Deployments, by name."""

    deployments: Mapping[str, KubeObject]
    services: Mapping[str, KubeObject]
    pods: Mapping[str, KubeObject]


def is_of_a_deployment(pod: KubeObject) -> bool:
    """Whether a Deployment made this pod, and not somebody who copied its labels, as `kubectl debug` can."""
    owners = pod["metadata"].get("ownerReferences", [])
    return any(owner["kind"] == "ReplicaSet" and owner.get("controller") for owner in owners)


def is_owned(child: KubeObject, pipeline: Pipeline) -> bool:
    """Whether the pipeline, and not a namesake, controls this object."""
    owners = child["metadata"].get("ownerReferences", [])
    return any(owner["uid"] == pipeline.uid and owner.get("controller") for owner in owners)
