"""The Deployment of a component's model servers."""

import hashlib
import json
from typing import Final

from sdp_operator.api.v1alpha1 import ComponentSpec, Pipeline
from sdp_operator.desired.identity import MANAGED_BY, MANAGER, REVISION, metadata, selector
from sdp_operator.desired.model_server import DRAIN_SECONDS, GPU_RESOURCE, START_SECONDS, server
from sdp_operator.desired.puller import puller, puller_volumes
from sdp_operator.desired.security import POD_SECURITY
from sdp_operator.desired.source import Pulled, Source
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component

ACCELERATOR_LABEL: Final = "cloud.google.com/gke-accelerator"

_PULL_SECONDS: Final = 1800


def deployment(
    pipeline: Pipeline, component: Component, spec: ComponentSpec, source: Source, settings: Settings
) -> KubeObject:
    """The Deployment of a component that serves `source`."""
    pod = _pod_spec(pipeline, component, spec, source, settings)
    labels = {**selector(pipeline, component), MANAGED_BY: MANAGER, REVISION: _digest(pod)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(pipeline, component),
        "spec": {
            "replicas": spec.replicas,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": _PULL_SECONDS + START_SECONDS,
            # A new model that does not come up leaves the running one untouched.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": {"matchLabels": selector(pipeline, component)},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def revision(deployment_: KubeObject) -> str:
    """What the pods of this very Deployment carry as their revision."""
    digest: str = deployment_["spec"]["template"]["metadata"]["labels"][REVISION]
    return digest


def _pod_spec(
    pipeline: Pipeline, component: Component, spec: ComponentSpec, source: Source, settings: Settings
) -> KubeObject:
    pod: KubeObject = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # TensorFlow Serving has no SIGTERM handler, and the kernel spares a process 1 without one: be another process.
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": DRAIN_SECONDS + 10,
        "securityContext": POD_SECURITY,
        "containers": [server(component, spec, source, settings)],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    if isinstance(source, Pulled):
        pod["initContainers"] = [puller(component, source.uri, settings)]
        pod["volumes"] += puller_volumes(source.uri, settings)
    if pipeline.spec.storage and pipeline.spec.storage.service_account_name:
        pod["serviceAccountName"] = pipeline.spec.storage.service_account_name
    if node_selector := _node_selector(spec):
        pod["nodeSelector"] = node_selector
    if tolerations := _tolerations(spec):
        pod["tolerations"] = tolerations
    return pod


def _node_selector(spec: ComponentSpec) -> dict[str, str]:
    accelerator = {ACCELERATOR_LABEL: spec.gpu.accelerator} if spec.gpu and spec.gpu.accelerator else {}
    return {**accelerator, **(spec.node_selector or {})}


def _tolerations(spec: ComponentSpec) -> list[KubeObject]:
    asked = [toleration.model_dump(exclude_none=True) for toleration in spec.tolerations]
    gpu = {"key": GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"}
    needs_gpu = spec.gpu is not None and spec.gpu.count > 0
    return [gpu, *asked] if needs_gpu and gpu not in asked else asked


def _digest(pod: KubeObject) -> str:
    return hashlib.sha256(json.dumps(pod, sort_keys=True).encode()).hexdigest()[:16]
