import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.toy_models import toy_source

from sdp_exporter import cli
from sdp_exporter.digest import sha256
from sdp_exporter.errors import (
    BrokenExportError,
    ExportError,
    StoreRefusedError,
    StoreUnavailableError,
    VersionTakenError,
)
from sdp_exporter.export import Exported, Request, look_up
from sdp_exporter.stores.gcs import GcsStore
from sdp_serving.contract.artifact import ModelUri, Version
from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes


class Writable:
    """A bucket that can be written to."""

    def require_writable(self) -> None:
        """Say nothing."""


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The requests of the one export that ran."""
    requests: list[Request] = []

    def export(batch: Sequence[Request], **_: object) -> list[Exported]:
        requests.extend(batch)
        return [Exported(request, request.uri.at(Version(7)), "sha256:0", 1) for request in batch]

    monkeypatch.setattr(cli, "export", export)
    monkeypatch.setattr(GcsStore, "open", lambda uri: Writable())
    return requests


RANDOM = ("1.5", "--weights", "random", "--to", "gs://b")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


def described(requests: list[Request]) -> list[tuple[str, str]]:
    return [(request.source.name, str(request.uri)) for request in requests]


def test_the_base_weights_are_exported_as_all_components(exported: list[Request]) -> None:
    result = run("sd-tiny", "--to", "gs://demo/sd-tiny")
    assert result.exit_code == 0
    assert described(exported) == [
        ("sd-tiny/base", "gs://demo/sd-tiny/text-encoder"),
        ("sd-tiny/base", "gs://demo/sd-tiny/diffusion-model"),
        ("sd-tiny/base", "gs://demo/sd-tiny/decoder"),
        ("sd-tiny/base", "gs://demo/sd-tiny/image-encoder"),
    ]


def test_standard_output_is_the_uris_of_the_versions_alone(exported: list[Request]) -> None:
    result = run("sd-tiny", "--to", "gs://demo/sd-tiny", "--component", "decoder", "--component", "text-encoder")
    assert result.stdout == "gs://demo/sd-tiny/decoder/7\ngs://demo/sd-tiny/text-encoder/7\n"


def test_each_document_of_a_file_is_an_export(exported: list[Request], tmp_path: Path) -> None:
    config = tmp_path / "export.yaml"
    config.write_text(
        "model: sd-tiny\ncomponent: [decoder]\nto: gs://demo/a\n"
        "---\nmodel: sd-tiny\nweights: striped\nto: file:///srv/b\n"
    )
    assert run("--config", str(config)).exit_code == 0
    assert described(exported) == [
        ("sd-tiny/base", "gs://demo/a/decoder"),
        ("sd-tiny/striped", "file:///srv/b/diffusion-model"),
    ]


def test_all_options_reach_the_model(exported: list[Request], tmp_path: Path) -> None:
    config = tmp_path / "export.yaml"
    config.write_text(
        "model: 1.5\nweights: random\nto: gs://demo/a\ncomponent: [diffusion-model]\n"
        "image_size: 256\nimage_sizes: 256-768\nprediction: v\nguidance: batched\n"
        "precision: bfloat16\njit_compile: true\n"
    )
    options = ["--image-size", "256", "--image-sizes", "256-768", "--prediction", "v", "--guidance", "batched"]
    options += ["--precision", "bfloat16", "--jit-compile"]
    run("--config", str(config))
    run("1.5", "--weights", "random", "--to", "gs://demo/a", "--component", "diffusion-model", *options)
    first, second = (request.source for request in exported)
    assert (first.sd_version, first.image_size, first.settings) == ("1.5", 256, second.settings)
    assert first.image_sizes == second.image_sizes == ImageSizes(smallest=256, largest=768)
    assert "'v'" in first.settings
    assert "'batched'" in first.settings
    assert (first.precision, first.jit_compile) == (second.precision, second.jit_compile) == ("bfloat16", True)


def test_sd_tiny_can_have_another_precision_and_be_compiled(exported: list[Request]) -> None:
    run("sd-tiny", "--to", "gs://demo/a", "--precision", "mixed_bfloat16", "--jit-compile")
    assert {request.source.precision for request in exported} == {"mixed_bfloat16"}
    compiled = [request.source.component for request in exported if request.source.jit_compile]
    assert compiled == [Component.DIFFUSION_MODEL]


@pytest.mark.parametrize("model", [("sd-tiny",), ("1.5", "--weights", "random", "--image-size", "64")])
def test_a_range_of_sizes_is_of_all_components_that_know_of_images(exported: list[Request], model: list[str]) -> None:
    run(*model, "--to", "gs://demo/a", "--image-sizes", "64-128")
    sizes = {request.source.component: request.source.image_sizes for request in exported}
    several = ImageSizes(smallest=64, largest=128)
    assert sizes == {**dict.fromkeys(Component, several), Component.TEXT_ENCODER: None}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model: sd-tiny\nto: s3://demo\n", "line 2: to: 's3://demo' is no model URI: give one such as gs://"),
        ("model: sd-tiny\n\nto: gs://demo\nweights: none\n", "line 4: weights: sd-tiny has no weights 'none'"),
        ("to: gs://demo\n---\nto: gs://demo\n", "line 1: model: is missing"),
        (
            "model: sd-tiny\nto: gs://b\ncomponents: []\n",
            "line 3: components: is none of model, to, weights, component",
        ),
        ("model: sd-huge\nto: gs://b\n", "line 1: model: input should be 'sd-tiny', '1.4'"),
        ("model: [\n", "line 2: expected the node content, but found '<stream end>': correct the YAML"),
        ("model: \0\n", "unacceptable character #x0000: special characters are not allowed: correct the YAML"),
        ("to: 2026-13-01\n", "month must be in 1..12"),
        ("- sd-tiny\n", "line 1: write fields such as `model: sd-tiny`, in each document"),
        ("", "is empty: write fields"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_line(
    exported: list[Request], tmp_path: Path, text: str, sentence: str
) -> None:
    config = tmp_path / "export.yaml"
    config.write_text(text)
    result = run("--config", str(config))
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"Error: {config}")
    assert sentence in last
    assert exported == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sd-tiny", "--to", "s3://demo"], "'s3://demo' is no model URI: give one such as gs://bucket/folder"),
        (["sd-tiny", "--to", "gs://demo/sd/1700000000000"], "ends in a version: leave the version out"),
        (["sd-tiny", "--to", "pvc://claim/sd"], "pvc://claim/sd can't be written to: give a folder such as gs://"),
        (["sd-tiny", "--to", "gs://b", "--weights", "none"], "no weights 'none': choose among base, sks, striped"),
        (
            ["sd-tiny", "--to", "gs://demo", "--weights", "striped", "--component", "decoder"],
            "sd-tiny has the weights 'striped' for diffusion-model, not decoder",
        ),
        (
            ["sd-tiny", "--to", "gs://b", "--component", "unet"],
            "'unet' is not one of 'text-encoder', 'diffusion-model'",
        ),
        (["sd-tiny"], "Missing option '--to': give a folder"),
        (["sd-tiny", "--to", "gs://b", "--lora", "a.safetensors"], "--lora: is not for sd-tiny, but for 1.4, 1.5, 2.0"),
        ([*RANDOM, "--lora", "a.safetensors:1.2.3"], "--lora: '1.2.3' is no scale: give one such as 0.8"),
        ([*RANDOM, "--embedding", "learnt.safetensors"], "is no textual inversion: give word and file, such as sks="),
        ([*RANDOM, "--image-sizes", "512"], "--image-sizes: '512' is no range: give the smallest and the largest"),
        ([*RANDOM, "--image-sizes", "500-768"], "give two multiples of 64, the smaller first"),
        ([*RANDOM, "--image-sizes", "576-768"], "576-768 leaves out image_size (512): give a range with it"),
        ([*RANDOM, "--image-size", "500"], "--image-size: input should be a multiple of 64, not 500"),
        (["1.5", "--to", "gs://b"], "KerasCV has no pretrained weights of Stable Diffusion 1.5, only of 1.4 and 2.1"),
        ([*RANDOM, "--lora", "/none.safetensors"], "Error: /none.safetensors does not exist"),
        ([*RANDOM, "--embedding", "sks=/none.safetensors"], "Error: /none.safetensors does not exist"),
        (["--to", "gs://demo"], "Missing argument 'MODEL': give one such as sd-tiny, or --config"),
        (["sd-tiny", "--config", __file__], "give either --config or MODEL and its options"),
        (
            [*RANDOM, "--dry-run", "--result-file", "result"],
            "--dry-run makes no models that --result-file",
        ),
    ],
)
def test_bad_arguments_are_refused_with_a_sentence(
    exported: list[Request], arguments: list[str], sentence: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert exported == []


@pytest.mark.parametrize(
    ("error", "code"),
    [(StoreRefusedError, 2), (BrokenExportError, 2), (StoreUnavailableError, 1), (VersionTakenError, 1)],
)
def test_an_export_that_fails_says_why_in_one_line_and_whether_it_may_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: type[ExportError], code: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("the bucket gs://demo does not exist: create it")

    monkeypatch.setattr(GcsStore, "open", lambda uri: Writable())
    monkeypatch.setattr(cli, "export", fail)
    result = run("sd-tiny", "--to", "gs://demo", "--result-file", str(tmp_path / "result"))
    assert result.exit_code == code
    assert result.stderr == "Error: the bucket gs://demo does not exist: create it\n"
    assert result.stdout == ""
    assert not (tmp_path / "result").exists(), "so that a Job tells the log's last line"


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("sd-tiny", "--component", "decoder", "--to", f"file://{tmp_path}/file")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(f"Error: {tmp_path}/file cannot be used: not a directory")


def test_every_place_is_looked_at_before_any_weights_are(
    exported: list[Request], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    config = tmp_path / "export.yaml"
    config.write_text(
        f"model: 1.5\nweights: gs://b/unet.safetensors\nto: gs://b\n---\nmodel: sd-tiny\nto: file://{tmp_path}/file\n"
    )
    fetched: list[str] = []
    monkeypatch.setattr("sdp_exporter.weights.copies.copy_bucket", lambda uri, target: fetched.append(uri))
    result = run("--config", str(config))
    assert result.exit_code == 2
    assert f"Error: {tmp_path}/file cannot be used: not a directory" in result.stderr
    assert (fetched, exported) == ([], [])


def test_a_machine_without_a_place_for_temporary_files_is_told_what_to_do(
    exported: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/gone', '/tmp']")

    monkeypatch.setattr("tempfile.TemporaryDirectory", fail)
    result = run("sd-tiny", "--to", "gs://demo")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: no temporary folder can be made (no usable temporary directory found in")
    assert "in TMPDIR" in result.stderr


def test_components_of_one_file_have_it_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read: list[Path] = []

    def digest(path: Path) -> str:
        read.append(path)
        return sha256(path)

    monkeypatch.setattr("sdp_exporter.export.sha256", digest)
    weights = tmp_path / "weights"
    weights.write_text("1.0")
    uri = ModelUri.parse(f"file://{tmp_path}/out")
    look_up([Request(toy_source(component, weights), uri) for component in Component])
    assert read.count(weights) == 1


def test_a_dry_run_says_what_would_be_exported_and_changes_nothing(exported: list[Request], tmp_path: Path) -> None:
    result = run("sd-tiny", "--component", "decoder", "--to", f"file://{tmp_path}/out", "--dry-run")
    assert result.exit_code == 0
    title, row = result.stdout.splitlines()
    assert title.split() == ["COMPONENT", "WEIGHTS", "SIZE", "TO"]
    assert row.split()[:2] == ["decoder", "sd-tiny/base"]
    assert row.rstrip().endswith(f"file://{tmp_path}/out/decoder  would be exported")
    assert (exported, list(tmp_path.iterdir())) == ([], [])


def test_a_dry_run_downloads_none_of_kerascvs_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    result = run("1.4", "--component", "decoder", "--to", f"file://{tmp_path}/out", "--dry-run")
    assert result.exit_code == 0
    assert "sd-1.4/pretrained  to be downloaded  " in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_result_file_holds_what_a_program_wants_to_know(exported: list[Request], tmp_path: Path) -> None:
    result = tmp_path / "result"
    run("sd-tiny", "--component", "decoder", "--to", "gs://demo/a", "--result-file", str(result))
    assert json.loads(result.read_text()) == {
        "models": [{"component": "decoder", "uri": "gs://demo/a/decoder/7", "digest": "sha256:0"}]
    }
