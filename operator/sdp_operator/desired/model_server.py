"""The container that serves a model: TensorFlow Serving."""

from typing import Final

from sdp_operator.api.v1alpha1 import ComponentSpec, Server
from sdp_operator.desired.claim import model_mount
from sdp_operator.desired.config_map import MODELS_FOLDER, config_flags, config_mount
from sdp_operator.desired.security import CONTAINER_SECURITY
from sdp_operator.desired.source import Baked, Mounted, Pulled, Source
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import GRPC_PORT, REST_PORT, Component

CONTAINER: Final = "server"
GPU_RESOURCE: Final = "nvidia.com/gpu"

DRAIN_SECONDS: Final = 10
"""How long a server that must go still answers: until no Service sends to it and most requests under way have ended.
It dies at SIGTERM, whatever it is doing."""

START_SECONDS: Final = 1800
"""How long a model may take to load."""

_START_PERIOD_SECONDS: Final = 2

_WARMED_BY_SINGLE_NUMBERS: Final = frozenset({Component.TEXT_ENCODER, Component.DIFFUSION_MODEL})
"""Whose exported models bring warm-up requests for signatures with single numbers, such as num_steps."""


def server(component: Component, spec: ComponentSpec, source: Source, settings: Settings) -> KubeObject:
    """The container of the model server that serves `source`."""
    container: KubeObject = {
        "name": CONTAINER,
        "image": server_image(spec, source, settings),
        # Not the image's entry point: that is a shell that keeps SIGTERM to itself.
        "command": ["tensorflow_model_server"],
        "args": _flags(component, spec, source),
        "ports": [
            {"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
            {"name": "rest", "containerPort": REST_PORT, "protocol": "TCP"},
        ],
        **_probes(component),
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
            config_mount(),
        ],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if isinstance(source, Pulled):
        container["volumeMounts"].append({"name": "models", "mountPath": MODELS_FOLDER, "readOnly": True})
    if isinstance(source, Mounted):
        container["volumeMounts"].append(model_mount(component, source))
    if resources := _resources(spec):
        container["resources"] = resources
    return container


def server_image(spec: ComponentSpec, source: Source, settings: Settings) -> str:
    """The image of the model server that serves `source`."""
    if isinstance(source, Baked):
        return source.image
    if spec.server is not None and spec.server.image is not None:
        return spec.server.image
    return settings.gpu_server_image if spec.gpus_per_replica else settings.server_image


def _flags(component: Component, spec: ComponentSpec, source: Source) -> list[str]:
    return [
        f"--port={GRPC_PORT}",
        f"--rest_api_port={REST_PORT}",
        *config_flags(spec, source),
        f"--rest_api_timeout_in_ms={spec.rest_timeout_seconds * 1000}",
        "--enable_profiler=false",
        # Compiles only what a model was exported for. Always, as such a model may come while the server runs.
        "--xla_cpu_compilation_enabled=true",
        # With no thread of its own for loading, a load delays predictions.
        "--num_load_threads=1",
        # The puller has checked the model, so a load that fails twice fails for good: exit, and say so, instead of
        # waiting five minutes.
        "--max_num_load_retries=1",
        "--load_retry_interval_micros=1000000",
        # A version that somebody is still copying to the claim must not be loaded, or with all replicas at once.
        *(["--file_system_poll_wait_seconds=0"] if isinstance(source, Mounted) else []),
        *_server_flags(component, spec),
    ]


def _server_flags(component: Component, spec: ComponentSpec) -> list[str]:
    server_ = spec.server or Server()
    memory = server_.gpu_memory_percent
    # A warm-up request that can't be batched would keep the model from being loaded.
    warms_up = server_.warm_up and not (spec.batching is not None and component in _WARMED_BY_SINGLE_NUMBERS)
    return [
        *([] if memory is None else [f"--per_process_gpu_memory_fraction={memory / 100:.2f}"]),
        *([] if warms_up else ["--enable_model_warmup=false"]),
    ]


def _probes(component: Component) -> KubeObject:
    # The model's status answers 200 in any state; its metadata only once it is loaded.
    loaded = {"httpGet": {"path": f"/v1/models/{component}/metadata", "port": "rest"}, "timeoutSeconds": 5}
    return {
        "startupProbe": {
            **loaded,
            "periodSeconds": _START_PERIOD_SECONDS,
            "failureThreshold": START_SECONDS // _START_PERIOD_SECONDS,
        },
        "readinessProbe": {**loaded, "periodSeconds": 5, "failureThreshold": 3},
        # Lenient: a long prediction on a busy CPU is no reason to kill the server.
        "livenessProbe": {
            "tcpSocket": {"port": "grpc"},
            "periodSeconds": 30,
            "timeoutSeconds": 10,
            "failureThreshold": 10,
        },
    }


def _resources(spec: ComponentSpec) -> KubeObject:
    requests = dict((spec.resources and spec.resources.requests) or {})
    limits = dict((spec.resources and spec.resources.limits) or {})
    if spec.gpus_per_replica:
        limits[GPU_RESOURCE] = spec.gpus_per_replica
    return {kind: amounts for kind, amounts in (("requests", requests), ("limits", limits)) if amounts}
