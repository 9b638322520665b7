"""How a pipeline's children are named, labelled and owned."""

from typing import Final

from sdp_operator.api.v1alpha1 import API_VERSION, GROUP, KIND, Pipeline
from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import Component

MANAGER: Final = "sdpipeline-operator"
"""The operator's name as a field manager, and in the label below."""

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
INSTANCE: Final = "app.kubernetes.io/instance"
COMPONENT: Final = "app.kubernetes.io/component"
REVISION: Final = f"{GROUP}/revision"
"""Pod label: a digest of the pod template that the pod was made from."""


def child_name(pipeline: Pipeline, component: Component) -> str:
    """The name of the component's Deployment and Service."""
    return f"{pipeline.name}-{component}"


def selector(pipeline: Pipeline, component: Component) -> dict[str, str]:
    """The labels that tell the component's pods from all others. A Deployment's selector can never change."""
    return {"app.kubernetes.io/name": "sdpipeline", INSTANCE: pipeline.name, COMPONENT: str(component)}


def metadata(pipeline: Pipeline, component: Component) -> KubeObject:
    """Name, labels and owner of a child of the component."""
    return {
        "name": child_name(pipeline, component),
        "namespace": pipeline.namespace,
        "labels": {**selector(pipeline, component), MANAGED_BY: MANAGER},
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
