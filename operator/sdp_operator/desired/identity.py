"""How a pipeline's children are named, labelled and owned."""

from typing import Final

from sdp_operator.api.v1alpha1 import API_VERSION, GROUP, KIND, Pipeline
from sdp_operator.objects import KubeObject

MANAGER: Final = "sdpipeline-operator"
"""The operator's name as a field manager, and in the label below."""

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
INSTANCE: Final = "app.kubernetes.io/instance"
COMPONENT: Final = "app.kubernetes.io/component"
REVISION: Final = f"{GROUP}/revision"
"""Pod label: a digest of the pod template that the pod was made from."""


GATEWAY: Final = "gateway"
"""The gateway's part of a pipeline, beside the components."""

CANARY: Final = "canary"
"""The part of a canary that has a replica of its own. Its name is short, as a Service's must be."""


def child_name(pipeline: Pipeline, part: str) -> str:
    """The name of the children of a part: a component, the gateway or the canary."""
    return f"{pipeline.name}-{part}"


def selector(pipeline: Pipeline, part: str) -> dict[str, str]:
    """The labels that tell the part's pods from all others. A Deployment's selector can never change."""
    return {"app.kubernetes.io/name": "sdpipeline", INSTANCE: pipeline.name, COMPONENT: str(part)}


def metadata(pipeline: Pipeline, part: str) -> KubeObject:
    """Name, labels and owner of a child of the part."""
    return {
        "name": child_name(pipeline, part),
        "namespace": pipeline.namespace,
        "labels": {**selector(pipeline, part), MANAGED_BY: MANAGER},
        "ownerReferences": [owner_reference(pipeline)],
    }


def owner_reference(pipeline: Pipeline) -> KubeObject:
    """What makes Kubernetes delete a child after its pipeline. It never blocks the pipeline's own deletion."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": pipeline.name,
        "uid": pipeline.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
