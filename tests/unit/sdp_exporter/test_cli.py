from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sdp_exporter import cli
from sdp_exporter.errors import (
    BrokenExportError,
    ExportError,
    StoreRefusedError,
    StoreUnavailableError,
    VersionTakenError,
)
from sdp_exporter.export import Request
from sdp_serving.contract.artifact import ModelUri, Version


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The requests of the one export that ran."""
    requests: list[Request] = []

    def export(batch: list[Request], **_: object) -> list[ModelUri]:
        requests.extend(batch)
        return [request.uri.at(Version(7)) for request in batch]

    monkeypatch.setattr(cli, "export", export)
    return requests


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


def test_several_exports_run_as_one(exported: list[Request]) -> None:
    first = ("sd-tiny", "--component", "decoder", "--to", "gs://demo/a")
    second = ("sd-tiny", "--weights", "striped", "--to", "file:///srv/b")
    assert run(*first, *second).exit_code == 0
    assert described(exported) == [
        ("sd-tiny/base", "gs://demo/a/decoder"),
        ("sd-tiny/striped", "file:///srv/b/diffusion-model"),
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--to", "s3://demo"], "'s3://demo' is no model URI: give one such as gs://bucket/folder"),
        (["--to", "gs://demo/sd/1700000000000"], "ends in a version: leave the version out"),
        (["--to", "gs://demo", "--weights", "none"], "sd-tiny has no weights 'none': choose among base, sks, striped"),
        (
            ["--to", "gs://demo", "--weights", "striped", "--component", "decoder"],
            "sd-tiny has the weights 'striped' for diffusion-model, not decoder",
        ),
        (["--to", "gs://demo", "--component", "unet"], "'unet' is not one of 'text-encoder', 'diffusion-model'"),
        ([], "Missing option '--to'"),
    ],
)
def test_bad_arguments_are_refused_with_a_sentence(
    exported: list[Request], arguments: list[str], sentence: str
) -> None:
    result = run("sd-tiny", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert exported == []


@pytest.mark.parametrize(
    ("error", "code"),
    [(StoreRefusedError, 2), (BrokenExportError, 2), (StoreUnavailableError, 1), (VersionTakenError, 1)],
)
def test_an_export_that_fails_says_why_in_one_line_and_whether_it_may_pass(
    monkeypatch: pytest.MonkeyPatch, error: type[ExportError], code: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("the bucket gs://demo does not exist: create it")

    monkeypatch.setattr(cli, "export", fail)
    result = run("sd-tiny", "--to", "gs://demo")
    assert result.exit_code == code
    assert result.stderr == "Error: the bucket gs://demo does not exist: create it\n"
    assert result.stdout == ""


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("sd-tiny", "--component", "decoder", "--to", f"file://{tmp_path}/file")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(f"Error: {tmp_path}/file/decoder cannot be used: not a directory")
