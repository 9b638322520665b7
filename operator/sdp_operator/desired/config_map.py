"""The ConfigMap that a component's model servers are configured by.

TensorFlow Serving reads these files at its start, so pods carry a digest of them and are made anew when they change.
"""

from typing import Final

from sdp_operator.api.v1alpha1 import GROUP, Batching, ComponentSpec, Pipeline
from sdp_operator.desired.digest import digest
from sdp_operator.desired.identity import child_name, metadata
from sdp_operator.desired.source import Pulled, Source
from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import Component

CONFIG_FOLDER: Final = "/etc/tensorflow-serving"
MODELS_FOLDER: Final = "/models"
METRICS_PATH: Final = "/monitoring/prometheus/metrics"

CONFIG: Final = f"{GROUP}/config"
"""Pod annotation: a digest of the files that its server read."""

_VOLUME: Final = "config"
_MODELS: Final = "models.config"
_PULLED: Final = "pulled.config"
_BATCHING: Final = "batching.config"
_MONITORING: Final = "monitoring.config"


def config_map(pipeline: Pipeline, component: Component, spec: ComponentSpec, *, part: str | None = None) -> KubeObject:
    """The ConfigMap of a component, or of another part that serves it."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(pipeline, part or component),
        "data": _files(component, spec),
    }


def config_digest(component: Component, spec: ComponentSpec) -> str:
    """What changes with the files."""
    return digest(_files(component, spec))


def config_volume(pipeline: Pipeline, part: str) -> KubeObject:
    """The volume with the files."""
    return {"name": _VOLUME, "configMap": {"name": child_name(pipeline, part)}}


def keep_files(wanted: KubeObject, live: KubeObject | None, template: KubeObject) -> KubeObject:
    """The wanted ConfigMap, with the live one's files where the pods of this template were made for them.

    A template that an upgrade of the operator leaves alone keeps its files too: its servers would read newer ones, made
    for newer flags, at their next restart.
    """
    made_for = template["metadata"]["annotations"].get(CONFIG)
    if live is None or digest(live.get("data", {})) != made_for:
        return wanted
    return {**wanted, "data": live["data"]}


def config_mount() -> KubeObject:
    """Where the files appear in the model server's container."""
    return {"name": _VOLUME, "mountPath": CONFIG_FOLDER, "readOnly": True}


def config_flags(spec: ComponentSpec, source: Source) -> list[str]:
    """The flags by which the model server finds the files."""
    models = _PULLED if isinstance(source, Pulled) else _MODELS
    batching = ["--enable_batching=true", f"--batching_parameters_file={CONFIG_FOLDER}/{_BATCHING}"]
    return [
        f"--model_config_file={CONFIG_FOLDER}/{models}",
        f"--monitoring_config_file={CONFIG_FOLDER}/{_MONITORING}",
        # Without the first one, the second is an error at the server's start.
        *([] if spec.batching is None else batching),
    ]


def _files(component: Component, spec: ComponentSpec) -> dict[str, str]:
    return {
        # Pods of different sources have a file each, so that old ones which restart during a roll find theirs.
        _MODELS: _models(component, ""),
        # The puller says by what it lays there which versions are loaded.
        _PULLED: _models(component, "    model_version_policy { all {} }\n"),
        _MONITORING: _monitoring(),
        # Even when nothing is batched: older pods, which serve until newer ones are ready, must find it when they
        # restart.
        _BATCHING: _batching(spec.batching or Batching()),
    }


def _models(component: Component, policy: str) -> str:
    return (
        "model_config_list {\n"
        "  config {\n"
        f'    name: "{component}"\n'
        f'    base_path: "{MODELS_FOLDER}/{component}"\n'
        '    model_platform: "tensorflow"\n'
        f"{policy}"
        "  }\n"
        "}\n"
    )


def _monitoring() -> str:
    return f'prometheus_config {{\n  enable: true\n  path: "{METRICS_PATH}"\n}}\n'


def _batching(batching: Batching) -> str:
    return (
        f"max_batch_size {{ value: {batching.max_batch_size} }}\n"
        f"batch_timeout_micros {{ value: {batching.batch_timeout_micros} }}\n"
        f"max_enqueued_batches {{ value: {batching.max_enqueued_batches} }}\n"
        f"num_batch_threads {{ value: {batching.num_batch_threads} }}\n"
    )
