"""The storage emulator that stands for Google Cloud Storage in a local cluster: its manifests, pure."""

from pathlib import Path
from typing import Any, Final

NAMESPACE: Final = "sdpipeline-system"
SERVICE: Final = "storage-emulator"
PORT: Final = 4443
BUCKET: Final = "sdpipeline-demo"

_LABELS: Final = {"app.kubernetes.io/name": SERVICE, "app.kubernetes.io/part-of": "sdpipeline-demo"}


def storage_manifests(image: str, kept_in: Path | None) -> dict[str, Any]:
    """The emulator's Deployment and Service, as one List.

    Args:
        image: the container image of `images/storage-emulator`.
        kept_in: a folder of the node that outlives the cluster, so that models need not be exported again; None where
            the node's folders are not ours.
    """
    volume: dict[str, Any] = (
        {"emptyDir": {}} if kept_in is None else {"hostPath": {"path": str(kept_in), "type": "Directory"}}
    )
    container = {
        "name": SERVICE,
        "image": image,
        "imagePullPolicy": "Never",
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/_internal/healthcheck", "port": "http"}, "periodSeconds": 1},
        "volumeMounts": [{"name": "storage", "mountPath": "/storage"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "storage", **volume}],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE, "labels": _LABELS},
        "spec": {
            # Two emulators must never share the folder.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _LABELS},
            "template": {"metadata": {"labels": _LABELS}, "spec": pod},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE, "labels": _LABELS},
        "spec": {"selector": _LABELS, "ports": [{"name": "http", "port": PORT, "targetPort": "http"}]},
    }
    return {"apiVersion": "v1", "kind": "List", "items": [deployment, service]}
