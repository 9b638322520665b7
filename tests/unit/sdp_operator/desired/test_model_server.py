"""The model server's container."""

import pytest

from sdp_operator.api.v1alpha1 import ComponentSpec
from sdp_operator.desired.model_server import server
from sdp_operator.desired.source import Baked, Pulled, Source, source_of
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import SignatureName, signatures
from sdp_serving.standin.flags import Flags, parse

PULLED = Pulled(ModelUri.parse("gs://b/m"))


def _flags(fields: KubeObject, source: Source = PULLED, component: Component = Component.DECODER) -> Flags:
    """The server's flags, as the stand-in for TensorFlow Serving reads them."""
    spec = ComponentSpec.model_validate({"model": "gs://b/m", **fields})
    return parse(server(component, spec, source, Settings())["args"])


def test_the_server_reads_its_files_and_waits_for_slow_models() -> None:
    flags = _flags({"restTimeoutSeconds": 300})
    assert flags.model_config_file == "/etc/tensorflow-serving/pulled.config"
    assert flags.monitoring_config_file == "/etc/tensorflow-serving/monitoring.config"
    assert (flags.port, flags.rest_api_port, flags.rest_api_timeout_in_ms) == (8500, 8501, 300_000)
    assert (flags.num_load_threads, flags.max_num_load_retries, flags.enable_profiler) == (1, 1, False)
    assert flags.xla_cpu_compilation_enabled


def test_nothing_is_batched_unless_asked_for() -> None:
    flags = _flags({})
    # The file alone is an error at the server's start.
    assert (flags.enable_batching, flags.batching_parameters_file) == (False, "")


def test_requests_are_batched_when_asked_for() -> None:
    flags = _flags({"batching": {}})
    assert flags.enable_batching
    assert flags.batching_parameters_file == "/etc/tensorflow-serving/batching.config"


@pytest.mark.parametrize(
    ("asked", "fraction", "warm_up"),
    [
        ({}, 0.0, True),
        ({"server": {}}, 0.0, True),
        ({"server": {"gpuMemoryPercent": 7}}, 0.07, True),
        ({"server": {"gpuMemoryPercent": 100, "warmUp": False}}, 1.0, False),
    ],
)
def test_the_server_takes_as_much_of_the_gpu_and_warms_up_as_asked(
    asked: KubeObject, fraction: float, warm_up: bool
) -> None:
    flags = _flags(asked)
    assert (flags.per_process_gpu_memory_fraction, flags.enable_model_warmup) == (fraction, warm_up)


@pytest.mark.parametrize("component", Component)
def test_a_model_is_not_warmed_up_by_requests_that_cannot_be_batched(component: Component) -> None:
    default = signatures(component, width=96, image_size=64)[SignatureName.DEFAULT]
    of_rows = all(tensor.shape != () for tensor in default.inputs.values())
    assert _flags({}, component=component).enable_model_warmup
    assert _flags({"batching": {}}, component=component).enable_model_warmup == of_rows


def test_an_image_that_holds_the_model_needs_no_volume_for_it() -> None:
    spec = ComponentSpec.model_validate({"image": "registry/m:1"})
    container = server(Component.DECODER, spec, Baked("registry/m:1"), Settings())
    assert container["image"] == "registry/m:1"
    assert "/models" not in [mount["mountPath"] for mount in container["volumeMounts"]]


@pytest.mark.parametrize(
    ("uri", "mount"),
    [
        ("pvc://claim/sd/d", {"mountPath": "/models/decoder", "subPath": "sd/d"}),
        ("pvc://claim/sd/d/17", {"mountPath": "/models/decoder/17", "subPath": "sd/d/17"}),
        ("pvc://claim/17", {"mountPath": "/models/decoder/17", "subPath": "17"}),
        ("pvc://claim", {"mountPath": "/models/decoder"}),
    ],
)
def test_a_server_reads_a_model_on_a_claim_itself_and_a_pinned_version_alone(uri: str, mount: KubeObject) -> None:
    spec = ComponentSpec.model_validate({"model": uri})
    container = server(Component.DECODER, spec, source_of(uri), Settings())
    assert container["volumeMounts"][-1] == {"name": "model-claim", "readOnly": True, **mount}


def test_a_server_takes_what_lies_on_a_claim_when_it_starts_and_nothing_later() -> None:
    flags = _flags({}, source_of("pvc://claim/m"))
    assert flags.model_config_file == "/etc/tensorflow-serving/models.config"
    assert flags.file_system_poll_wait_seconds == 0


def test_a_server_is_ready_only_once_its_model_is_loaded() -> None:
    spec = ComponentSpec.model_validate({"model": "gs://b/m"})
    probe = server(Component.DECODER, spec, PULLED, Settings())["readinessProbe"]
    assert probe["httpGet"]["path"] == "/v1/models/decoder/metadata"
