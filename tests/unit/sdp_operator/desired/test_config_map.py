"""The files that a component's model servers are configured by, as the stand-in for TensorFlow Serving reads them."""

from pathlib import Path

import pytest
from tests.support.pipelines import pipeline

from sdp_operator.api.v1alpha1 import ComponentSpec
from sdp_operator.desired.config_map import CONFIG, METRICS_PATH, config_digest, config_map, keep_files
from sdp_operator.desired.digest import digest
from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import Component
from sdp_serving.standin.metrics import metrics_path
from sdp_serving.standin.model_config import read_file
from sdp_serving.standin.version_policy import All, Latest


def _files(component: Component, **fields: object) -> KubeObject:
    parent = pipeline({component.field: {"model": "gs://b/m", **fields}})
    files: KubeObject = config_map(parent, component, parent.spec.components[component])["data"]
    return files


@pytest.mark.parametrize("name", ["models.config", "pulled.config"])
@pytest.mark.parametrize("component", Component)
def test_the_server_serves_the_component_under_its_name(component: Component, name: str, tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    config.write_text(_files(component)[name])
    (model,) = read_file(str(config))
    assert (model.name, model.base_path) == (component, f"/models/{component}")


def test_of_pulled_models_all_that_the_puller_lays_are_loaded_and_of_others_the_newest(tmp_path: Path) -> None:
    policies = {}
    for name in ("models.config", "pulled.config"):
        (tmp_path / name).write_text(_files(Component.DECODER)[name])
        (model,) = read_file(str(tmp_path / name))
        policies[name] = model.policy
    assert policies == {"models.config": Latest(1), "pulled.config": All()}


def test_the_server_offers_its_metrics_where_the_pod_monitor_looks() -> None:
    assert metrics_path(_files(Component.DECODER)["monitoring.config"]) == METRICS_PATH


def test_batches_are_as_the_component_says() -> None:
    batching = {"maxBatchSize": 8, "batchTimeoutMicros": 5, "maxEnqueuedBatches": 7, "numBatchThreads": 2}
    assert _files(Component.DECODER, batching=batching)["batching.config"].splitlines() == [
        "max_batch_size { value: 8 }",
        "batch_timeout_micros { value: 5 }",
        "max_enqueued_batches { value: 7 }",
        "num_batch_threads { value: 2 }",
    ]


def test_pods_of_a_time_with_batching_still_find_their_file_when_they_restart() -> None:
    assert "batching.config" in _files(Component.DECODER)


def test_files_stay_as_long_as_the_pods_that_were_made_for_them() -> None:
    parent = pipeline({"decoder": {"model": "gs://b/m"}})
    wanted = config_map(parent, Component.DECODER, parent.spec.components[Component.DECODER])
    older = {**wanted, "data": {"models.config": "as an older operator wrote it"}}
    assert keep_files(wanted, older, _made_for(older)) == older
    assert keep_files(wanted, older, _made_for(wanted)) == wanted, "the template is newer"
    edited = {**older, "data": {"models.config": "as somebody likes it"}}
    assert keep_files(wanted, edited, _made_for(older)) == wanted, "by hand"
    assert keep_files(wanted, None, _made_for(older)) == wanted
    assert keep_files(wanted, {**older, "data": {}}, {"metadata": {"annotations": {}}}) == wanted


def _made_for(config: KubeObject) -> KubeObject:
    return {"metadata": {"annotations": {CONFIG: digest(config["data"])}}}


def test_the_digest_tells_of_other_batches() -> None:
    one, other = (
        ComponentSpec.model_validate({"model": "gs://b/m", "batching": {"maxBatchSize": size}}) for size in (1, 2)
    )
    assert config_digest(Component.DECODER, one) == config_digest(Component.DECODER, one.model_copy())
    assert config_digest(Component.DECODER, one) != config_digest(Component.DECODER, other)
