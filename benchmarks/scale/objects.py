"""The objects of the benchmark: its nodes, its pipelines, and where they lie."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

NAMESPACE: Final = "benchmark"
PIPELINES: Final = f"/apis/sdpipeline.dev/v1alpha1/namespaces/{NAMESPACE}/stablediffusionpipelines"

OURS: Final = "app.kubernetes.io/managed-by=sdpipeline-operator"
"""Selects what the operator made."""

CHILDREN: Final = {
    plural: f"{group}/namespaces/{NAMESPACE}/{plural}"
    for plural, group in (
        ("deployments", "/apis/apps/v1"),
        ("services", "/api/v1"),
        ("configmaps", "/api/v1"),
        ("serviceaccounts", "/api/v1"),
        ("jobs", "/apis/batch/v1"),
        ("poddisruptionbudgets", "/apis/policy/v1"),
        ("horizontalpodautoscalers", "/apis/autoscaling/v2"),
        ("networkpolicies", "/apis/networking.k8s.io/v1"),
        ("ingresses", "/apis/networking.k8s.io/v1"),
    )
}
"""Where every kind of child that there can be lies. A pipeline's children are those that are there in the end."""

_ACCELERATOR: Final = "nvidia-l4"
_GPUS_A_NODE: Final = 8
_PODS_A_NODE: Final = 110
_TAINT: Final = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


def nodes(pipelines: int) -> Sequence[Mapping[str, Any]]:
    """Nodes for so many pipelines, with room for every one's second replica during a swap."""
    with_gpus = math.ceil(2 * pipelines / _GPUS_A_NODE)
    without = math.ceil(4 * pipelines / _PODS_A_NODE)
    labels = {"cloud.google.com/gke-accelerator": _ACCELERATOR, "cloud.google.com/gke-gpu-driver-version": "default"}
    return [
        *(
            _node(f"gpu-{number:03}", labels, {"nvidia.com/gpu": str(_GPUS_A_NODE)}, [_TAINT])
            for number in range(with_gpus)
        ),
        *(_node(f"cpu-{number:03}", {}, {}, []) for number in range(without)),
    ]


def pipeline(name: str) -> Mapping[str, Any]:
    """A pipeline as a user writes it, with a GPU for the diffusion model."""
    return {
        "apiVersion": "sdpipeline.dev/v1alpha1",
        "kind": "StableDiffusionPipeline",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "textEncoder": {"model": "gs://models/sd-1-5/text-encoder"},
            "diffusionModel": {
                "model": "gs://models/sd-1-5/diffusion-model",
                "gpu": {"count": 1, "accelerator": _ACCELERATOR},
            },
            "decoder": {"model": "gs://models/sd-1-5/decoder"},
        },
    }


def edited(seconds: int) -> Mapping[str, Any]:
    """The change of one field that a Deployment shows: the time that a prediction over REST may take.

    Not the model, which the pullers of running pods are asked about first; KWOK acts out none.
    """
    return {"spec": {"diffusionModel": {"restTimeoutSeconds": seconds}}}


def shown(seconds: int) -> str:
    """How a pod template shows that."""
    return f"--rest_api_timeout_in_ms={seconds * 1000}"


def _node(
    name: str, labels: Mapping[str, str], extra: Mapping[str, str], taints: Sequence[Mapping[str, str]]
) -> Mapping[str, Any]:
    capacity = {"cpu": "96", "memory": "384Gi", "ephemeral-storage": "1Ti", "pods": str(_PODS_A_NODE), **extra}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/os": "linux", "kubernetes.io/hostname": name, **labels}},
        "spec": {"taints": taints},
        "status": {"capacity": capacity, "allocatable": capacity},
    }
