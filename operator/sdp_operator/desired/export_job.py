"""The Job that exports the weights of a component, and where the model that it makes lies.

Two digests, for two questions. That of the model's URI is over what the model is made of: another one is another model,
and so a swap. That of the Job's name is over everything that the user decides of the export: a Job can't be changed, so
that another memory limit takes another Job, which finds the model there if it was made already. What the operator's
administrator decides is in neither: an upgrade of the operator neither exports again nor restarts a pod.
"""

import hashlib
import json
import re
from typing import Final

from sdp_operator.api.v1alpha1 import ExportSpec, Pipeline
from sdp_operator.desired.argument import literal
from sdp_operator.desired.identity import COMPONENT, INSTANCE, MANAGED_BY, MANAGER, owner_reference
from sdp_operator.desired.security import CONTAINER_SECURITY, POD_SECURITY
from sdp_operator.desired.storage import storage_env, storage_mounts, storage_volumes
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component
from sdp_serving.contract.versions import StableDiffusionVersion

CONTAINER: Final = "exporter"
USER_MUST_ACT: Final = 2
"""The exporter's exit code where trying again is of no use; with any other, it may be."""

_TMP: Final = "/tmp"  # noqa: S108 - a volume of the pod's own
_TERMINATION_LOG: Final = "/dev/termination-log"
"""Where Kubernetes looks for a container's last words."""
_ATTEMPT_SECONDS: Final = 2 * 3600
"""What one attempt may take. A full model of 3.4 GB takes minutes; this ends what hangs."""
_MAX_NAME: Final = 63
"""Of a Job, since its pods carry its name as a label."""
_DIGEST: Final = 10
_MAX_SLUG: Final = 40


def exported_uri(pipeline: Pipeline, component: Component, weights: str) -> ModelUri:
    """Where the model made of these weights lies, without a version: the newest there is the one."""
    return ModelUri.parse(f"{_destination(pipeline, component, weights)}/{component}")


def export_job_name(pipeline: Pipeline, component: Component, weights: str) -> str:
    """The name of the Job: another one for everything that the user may change of the export."""
    spec = pipeline.spec
    decided = {
        "pipeline": pipeline.name,
        "component": component,
        "to": _destination(pipeline, component, weights),
        "export": _export(pipeline).model_dump(mode="json", exclude_defaults=True),
        "storage": spec.storage and spec.storage.model_dump(mode="json", exclude_defaults=True),
        "imagePullSecrets": [secret.name for secret in spec.image_pull_secrets],
    }
    tail = f"-export-{_digest(decided)}"
    return f"{pipeline.name[: _MAX_NAME - len(tail)].rstrip('-')}{tail}"


def export_job(pipeline: Pipeline, component: Component, weights: str, settings: Settings) -> KubeObject:
    """The Job. It is only ever created: the API server refuses changes of the pods that a Job makes."""
    labels = {
        # Not the component's own name: the component's Service and its like must not take this pod for a model server.
        "app.kubernetes.io/name": "sdpipeline-exporter",
        INSTANCE: pipeline.name,
        COMPONENT: str(component),
        MANAGED_BY: MANAGER,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": export_job_name(pipeline, component, weights),
            "namespace": pipeline.namespace,
            "labels": labels,
            "ownerReferences": [owner_reference(pipeline)],
        },
        "spec": {
            "backoffLimit": _export(pipeline).retries,
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "FailJob",
                        "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": [USER_MUST_ACT]},
                    },
                    # A drained node is no failure of the export.
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                ]
            },
            "template": {"metadata": {"labels": labels}, "spec": _pod_spec(pipeline, component, weights, settings)},
        },
    }


def _pod_spec(pipeline: Pipeline, component: Component, weights: str, settings: Settings) -> KubeObject:
    export, storage = _export(pipeline), pipeline.spec.storage
    version, size = _version(pipeline), _image_size(pipeline, component)
    # The weights are fetched with the key that the model is stored with.
    schemes = {exported_uri(pipeline, component, weights).scheme, weights.partition("://")[0]}
    container: KubeObject = {
        "name": CONTAINER,
        "image": export.image or settings.exporter_image,
        "command": ["python3", "-m", "sdp_exporter"],
        "args": [
            "sd-tiny" if version is StableDiffusionVersion.TINY else str(version),
            f"--component={component}",
            f"--weights={literal(weights)}",
            *([] if size is None else [f"--image-size={size}"]),
            f"--to={literal(_destination(pipeline, component, weights))}",
            # For people: which version was made. On an error it stays empty, and Kubernetes takes the log's end.
            f"--result-file={_TERMINATION_LOG}",
        ],
        # Caches and settings of the libraries go below the home folder, and the image's is read-only.
        "env": [{"name": "HOME", "value": _TMP}, *storage_env(schemes, storage, settings)],
        "resources": (export.resources and export.resources.model_dump(exclude_none=True))
        or _resources(component, version),
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "tmp", "mountPath": _TMP},
            *storage_mounts(schemes, storage, settings, writable=True),
        ],
    }
    pod: KubeObject = {
        "restartPolicy": "Never",
        # Of each attempt and not of the Job, for which the time that it waits for a node would count too.
        "activeDeadlineSeconds": _ATTEMPT_SECONDS,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}, *storage_volumes(schemes, storage, settings)],
    }
    if account := export.service_account_name or (storage and storage.service_account_name):
        pod["serviceAccountName"] = account
    if export.node_selector:
        pod["nodeSelector"] = dict(export.node_selector)
    if export.tolerations:
        pod["tolerations"] = [toleration.model_dump(exclude_none=True) for toleration in export.tolerations]
    if pipeline.spec.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": secret.name} for secret in pipeline.spec.image_pull_secrets]
    return pod


def _resources(component: Component, version: StableDiffusionVersion) -> KubeObject:
    """What the exporter gets unless the user says otherwise.

    Requests and limits both of CPU and memory, since a ResourceQuota lets no container go without what it counts.
    """
    limits = {"cpu": "8", "memory": "8Gi"}
    if version is StableDiffusionVersion.TINY:
        # Small enough for all components to be exported at the same time on a node of two processors, which need not
        # count its disk.
        return {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": limits}
    # Exports took 4.8 GiB of memory for a diffusion model, and 2.2 at most for another. On the disk lie the weights,
    # which may be a file of all components, and the SavedModel.
    memory = "5Gi" if component is Component.DIFFUSION_MODEL else "3Gi"
    return {
        "requests": {"cpu": "1", "memory": memory, "ephemeral-storage": "10Gi"},
        "limits": {**limits, "ephemeral-storage": "20Gi"},
    }


def _destination(pipeline: Pipeline, component: Component, weights: str) -> str:
    """The folder that gets a folder for the component: its name is for people, its digest for distinct inputs."""
    export, size = _export(pipeline), _image_size(pipeline, component)
    made_of = {
        "version": _version(pipeline),
        "weights": weights,
        "exporter": export.image,
        **({} if size is None else {"imageSize": size}),
    }
    # Without what may be secret in a URL, or says nothing.
    name = re.split("[?#]", weights)[0].rstrip("/").rpartition("/")[2]
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:_MAX_SLUG].strip("-.")
    return f"{export.to.rstrip('/')}/{slug or 'weights'}-{_digest(made_of)}"


def _image_size(pipeline: Pipeline, component: Component) -> int | None:
    """Pixels along one side of an image, which the schema allows squares of only; None where the exporter knows."""
    wanted = pipeline.spec.stable_diffusion
    if wanted is None or wanted.version is StableDiffusionVersion.TINY or component is Component.TEXT_ENCODER:
        return None
    return wanted.height


def _version(pipeline: Pipeline) -> StableDiffusionVersion:
    wanted = pipeline.spec.stable_diffusion
    assert wanted is not None, "the schema refuses weights without it"
    return wanted.version


def _export(pipeline: Pipeline) -> ExportSpec:
    export = pipeline.spec.export
    assert export is not None, "the schema refuses weights without it"
    return export


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_DIGEST]
