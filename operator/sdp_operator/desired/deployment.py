"""The Deployment of a component's model servers."""

from typing import Final

from sdp_operator.api.v1alpha1 import ComponentSpec, Pipeline
from sdp_operator.desired.config_map import CONFIG, config_digest, config_volume
from sdp_operator.desired.frozen import notes
from sdp_operator.desired.identity import MANAGED_BY, MANAGER, REVISION, metadata, selector
from sdp_operator.desired.model_server import CONTAINER, DRAIN_SECONDS, GPU_RESOURCE, START_SECONDS, server
from sdp_operator.desired.overrides import overridden
from sdp_operator.desired.puller import puller_volumes, pullers
from sdp_operator.desired.revision import with_revision
from sdp_operator.desired.security import POD_SECURITY
from sdp_operator.desired.source import Rollout
from sdp_operator.desired.spreading import spread_constraints
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_operator.swap.state import ROLLOUT
from sdp_serving.contract.components import Component

_PULL_SECONDS: Final = 1800

_ROLL: Final = {
    # A new model that does not come up leaves the running one untouched.
    "Surge": {"maxSurge": 1, "maxUnavailable": 0},
    "Drain": {"maxSurge": 0, "maxUnavailable": 1},
}


def deployment(
    pipeline: Pipeline,
    component: Component,
    spec: ComponentSpec,
    rollout: Rollout,
    settings: Settings,
    *,
    part: str | None = None,
) -> KubeObject:
    """The Deployment of a component, or of another part that serves it, whose pods are those of `rollout`."""
    part = part or component
    template = _template(pipeline, part, component, spec, rollout, settings)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**metadata(pipeline, part), "annotations": notes(pipeline, spec, rollout, template)},
        "spec": {
            # An autoscaler's are its own.
            **({"replicas": spec.replicas} if spec.autoscaling is None else {}),
            # Stated, so that a rollout that somebody has paused goes on.
            "paused": False,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": _PULL_SECONDS + START_SECONDS,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": _ROLL[rollout.strategy]},
            "selector": {"matchLabels": selector(pipeline, part)},
            "template": template,
        },
    }


def revision(deployment_: KubeObject) -> str:
    """What the pods of this very Deployment carry as their revision."""
    digest: str = deployment_["spec"]["template"]["metadata"]["labels"][REVISION]
    return digest


def _template(
    pipeline: Pipeline, part: str, component: Component, spec: ComponentSpec, rollout: Rollout, settings: Settings
) -> KubeObject:
    template = {
        "metadata": {
            "labels": {**selector(pipeline, part), MANAGED_BY: MANAGER},
            "annotations": {CONFIG: config_digest(component, spec), ROLLOUT: rollout.name},
        },
        "spec": _pod_spec(pipeline, part, component, spec, rollout, settings),
    }
    return with_revision(overridden(template, CONTAINER, spec.overrides))


def _pod_spec(
    pipeline: Pipeline, part: str, component: Component, spec: ComponentSpec, rollout: Rollout, settings: Settings
) -> KubeObject:
    pod: KubeObject = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # TensorFlow Serving has no SIGTERM handler, and the kernel spares a process 1 without one: be another process.
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": DRAIN_SECONDS + 10,
        "securityContext": POD_SECURITY,
        "containers": [server(component, spec, rollout.source, settings)],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            config_volume(pipeline, part),
            *puller_volumes(pipeline, part, rollout.source, settings),
        ],
        **_placement(pipeline, part, spec, settings),
    }
    if containers := pullers(pipeline, component, spec, rollout, settings):
        pod["initContainers"] = containers
    if pipeline.spec.storage and pipeline.spec.storage.service_account_name:
        pod["serviceAccountName"] = pipeline.spec.storage.service_account_name
    if pipeline.spec.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": secret.name} for secret in pipeline.spec.image_pull_secrets]
    return pod


def _placement(pipeline: Pipeline, part: str, spec: ComponentSpec, settings: Settings) -> KubeObject:
    placement: KubeObject = {
        "nodeSelector": _node_selector(spec, settings),
        "tolerations": _tolerations(spec),
        "affinity": None if spec.affinity is None else dict(spec.affinity),
        "topologySpreadConstraints": spread_constraints(spec, selector(pipeline, part)),
        "runtimeClassName": spec.runtime_class_name,
        "priorityClassName": spec.priority_class_name,
    }
    return {field: value for field, value in placement.items() if value}


def _node_selector(spec: ComponentSpec, settings: Settings) -> dict[str, str]:
    accelerator = {settings.accelerator_label: spec.gpu.accelerator} if spec.gpu and spec.gpu.accelerator else {}
    return {**accelerator, **(spec.node_selector or {})}


def _tolerations(spec: ComponentSpec) -> list[KubeObject]:
    asked = [toleration.model_dump(exclude_none=True) for toleration in spec.tolerations]
    gpu = {"key": GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"}
    return [gpu, *asked] if spec.gpus_per_replica and gpu not in asked else asked
