"""The Job that exports weights; `UPDATE_GOLDEN=1` writes its golden file anew."""

import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from tests.support.pipelines import pipeline

from sdp_operator.api.v1alpha1 import MAX_NAME
from sdp_operator.desired.export_job import export_job, export_job_name, exported_uri
from sdp_operator.settings import Settings
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component

GOLDEN = Path(__file__).parents[1] / "data" / "export-job.yaml"
SETTINGS = Settings(storage_emulator_host="http://emulator:4443", local_files_root=PurePosixPath("/srv/models"))
DIFFUSION = Component.DIFFUSION_MODEL
PLAIN: dict[str, Any] = {
    "stableDiffusion": {"version": "tiny"},
    "diffusionModel": {"weights": "striped"},
    "export": {"to": "gs://bucket/exported"},
}
UNET = "gs://weights/mine/unet.safetensors"
FULL_SIZE: dict[str, Any] = {
    **PLAIN,
    "stableDiffusion": {"version": "1.5", "height": 768, "width": 768},
    "diffusionModel": {"weights": UNET},
}
FULL: dict[str, Any] = {
    **PLAIN,
    "export": {
        "to": "gs://bucket/exported/",
        "image": "registry/exporter:2",
        "resources": {"requests": {"cpu": 2, "memory": "8Gi"}, "limits": {"memory": "16Gi"}},
        "nodeSelector": {"pool": "cpu"},
        "tolerations": [{"key": "batch", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}],
        "retries": 1,
        "serviceAccountName": "exporter",
    },
    "storage": {"serviceAccountName": "reader", "secretName": "bucket-key"},
    "imagePullSecrets": [{"name": "registry"}],
}


def job(spec: dict[str, Any], weights: str = "striped", settings: Settings = SETTINGS) -> dict[str, Any]:
    return export_job(pipeline(spec), DIFFUSION, weights, settings)


def container(spec: dict[str, Any], weights: str = "striped", settings: Settings = SETTINGS) -> dict[str, Any]:
    made: dict[str, Any] = job(spec, weights, settings)["spec"]["template"]["spec"]["containers"][0]
    return made


def test_the_job_is_as_in_the_golden_file() -> None:
    made = [job(PLAIN), job(FULL), job(FULL_SIZE, UNET)]
    if os.environ.get("UPDATE_GOLDEN"):
        plain = json.loads(json.dumps(made))  # shares nothing, so that YAML writes no anchors
        GOLDEN.write_text(yaml.safe_dump_all(plain, sort_keys=False, width=120))
    assert made == list(yaml.safe_load_all(GOLDEN.read_text()))


def test_the_exporter_writes_where_the_model_is_then_looked_for() -> None:
    uri = exported_uri(pipeline(PLAIN), DIFFUSION, "striped")
    (to,) = (one.removeprefix("--to=") for one in container(PLAIN)["args"] if one.startswith("--to="))
    assert str(uri) == f"{to}/diffusion-model"
    assert to.startswith("gs://bucket/exported/striped-")
    assert uri.version is None


def changed(**changes: Any) -> dict[str, Any]:
    return {**PLAIN, **{key: value for key, value in changes.items() if key != "export"},
            "export": {**PLAIN["export"], **changes.get("export", {})}}  # fmt: skip


def where(spec: dict[str, Any], weights: str = "striped") -> ModelUri:
    return exported_uri(pipeline(spec), DIFFUSION, weights)


def name(spec: dict[str, Any], weights: str = "striped", pipeline_name: str = "sd") -> str:
    return export_job_name(pipeline(spec, name=pipeline_name), DIFFUSION, weights)


@pytest.mark.parametrize(
    "spec",
    [
        changed(stableDiffusion={"version": "1.5"}),
        changed(export={"to": "gs://other"}),
        changed(export={"image": "registry/exporter:2"}),
    ],
)
def test_what_the_model_is_made_of_decides_where_it_lies_and_so_is_a_swap(spec: dict[str, Any]) -> None:
    assert where(spec) != where(PLAIN)
    assert name(spec) != name(PLAIN)


def test_other_weights_lie_elsewhere_and_take_another_job() -> None:
    assert where(PLAIN, "base") != where(PLAIN)
    assert name(PLAIN, "base") != name(PLAIN)


def test_each_component_takes_a_job_of_its_own() -> None:
    of = pipeline(PLAIN)
    assert len({export_job_name(of, component, "base") for component in Component}) == len(Component)
    assert len({exported_uri(of, component, "base") for component in Component}) == len(Component)


@pytest.mark.parametrize(
    "spec",
    [
        changed(export={"resources": {"limits": {"memory": "32Gi"}}}),
        changed(export={"nodeSelector": {"pool": "large"}}),
        changed(export={"tolerations": [{"operator": "Exists"}]}),
        changed(export={"retries": 5}),
        changed(export={"serviceAccountName": "writer"}),
        changed(storage={"secretName": "key"}),
        changed(imagePullSecrets=[{"name": "registry"}]),
    ],
)
def test_how_the_export_runs_decides_the_job_but_not_where_the_model_lies(spec: dict[str, Any]) -> None:
    assert name(spec) != name(PLAIN), "a Job that is there can't be changed"
    assert where(spec) == where(PLAIN), "and the model is not served anew"


@pytest.mark.parametrize(
    "settings", [Settings(exporter_image="exporter:next"), Settings(storage_emulator_host="http://elsewhere:1")]
)
def test_an_upgrade_of_the_operator_exports_nothing_again(settings: Settings) -> None:
    assert job(PLAIN, settings=settings)["metadata"]["name"] == name(PLAIN)


def test_values_that_say_what_is_the_default_change_nothing() -> None:
    assert name(changed(export={"retries": 3, "tolerations": []})) == name(PLAIN)
    assert where(changed(export={"to": "gs://bucket/exported//"})) == where(PLAIN)


@pytest.mark.parametrize("length", [1, 44, 45, 46, MAX_NAME])
def test_every_pipelines_job_has_a_name_that_fits(length: int) -> None:
    made = name(PLAIN, pipeline_name="x" * length)
    assert len(made) <= 63
    assert made.startswith("x" * min(length, 45) + "-export-")


def test_pipelines_whose_names_differ_only_at_the_end_have_jobs_of_their_own() -> None:
    first, second = ("x" * (MAX_NAME - 1) + last for last in "ab")
    assert name(PLAIN, pipeline_name=first) != name(PLAIN, pipeline_name=second)


def test_a_name_that_is_cut_at_a_dash_has_no_two_in_a_row() -> None:
    assert name(PLAIN, pipeline_name=f"{'x' * 44}-y").startswith(f"{'x' * 44}-export-")


@pytest.mark.parametrize(
    ("weights", "slug"),
    [
        ("gs://mine/checkpoints/pokemon v2.safetensors", "pokemon-v2.safetensors"),
        ("hf://user/model/", "model"),
        ("../..", "weights"),
        ("$(HOME)", "HOME"),
        ("7", "7"),
        ("https://me:secret@host/unet.h5?token=secret#sha256=00", "unet.h5"),
        ("x" * 1000, "x" * 40),
    ],
)
def test_any_weights_give_a_folder_that_can_be(weights: str, slug: str) -> None:
    folder = where(PLAIN, weights).location.split("/")[2]
    assert folder.rpartition("-")[0] == slug


def test_weights_reach_the_exporter_as_they_were_written() -> None:
    assert "--weights=$$(HOME)" in container(PLAIN, "$(HOME)")["args"], "Kubernetes makes $(HOME) of it"
    assert "--weights=--help" in container(PLAIN, "--help")["args"]


@pytest.mark.parametrize("resources", [{}, {"requests": None}])
def test_resources_that_say_nothing_are_the_defaults(resources: dict[str, Any]) -> None:
    defaults = container(PLAIN)["resources"]
    assert defaults["requests"].keys() == defaults["limits"].keys() == {"cpu", "memory"}
    assert container(changed(export={"resources": resources}))["resources"] == defaults


@pytest.mark.parametrize("component", Component)
def test_a_full_size_model_asks_for_the_memory_and_disk_that_its_export_takes(component: Component) -> None:
    made = export_job(pipeline(FULL_SIZE), component, UNET, SETTINGS)
    resources = made["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["requests"].keys() == resources["limits"].keys() == {"cpu", "memory", "ephemeral-storage"}
    assert resources["requests"]["memory"] == ("5Gi" if component is DIFFUSION else "3Gi")


def test_the_images_size_is_part_of_what_is_exported_but_for_the_text_encoder() -> None:
    default = {**FULL_SIZE, "stableDiffusion": {"version": "1.5"}}
    assert "--image-size=768" in container(FULL_SIZE, UNET)["args"]
    assert where(default, UNET) != where(FULL_SIZE, UNET)
    (one, other) = (exported_uri(pipeline(spec), Component.TEXT_ENCODER, UNET) for spec in (default, FULL_SIZE))
    assert one == other


def test_a_size_that_sd_tiny_has_anyhow_changes_nothing() -> None:
    sized = changed(stableDiffusion={"version": "tiny", "height": 64, "width": 64})
    assert where(sized) == where(PLAIN)
    assert container(sized) == container(PLAIN)


def test_weights_in_a_bucket_are_read_with_its_key_wherever_the_model_goes() -> None:
    spec = {**FULL_SIZE, "export": {"to": "file:///srv/models/exported"}, "storage": {"secretName": "bucket-key"}}
    assert "GOOGLE_APPLICATION_CREDENTIALS" in {one["name"] for one in container(spec, UNET)["env"]}


def test_a_folder_of_the_node_is_mounted_to_be_written() -> None:
    spec = changed(export={"to": "file:///srv/models/exported"})
    mounts = {mount["mountPath"]: mount for mount in container(spec)["volumeMounts"]}
    assert "readOnly" not in mounts["/srv/models"]
    volumes = {volume["name"] for volume in job(spec)["spec"]["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in mounts.values()} == volumes


def test_the_exporters_pods_are_nobody_elses() -> None:
    made = job(PLAIN)
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] != "sdpipeline", "the Service of the component selects that"
    assert labels["app.kubernetes.io/managed-by"] == "sdpipeline-operator"
    assert labels["app.kubernetes.io/component"] == "diffusion-model"
