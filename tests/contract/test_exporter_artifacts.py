"""`sdpipeline artifacts` on both kinds of store."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from google.cloud.storage import Bucket, Client
from tests.support.artifacts import VARIABLES, manifest, saved_model

from sdp_exporter.artifacts.cli import artifacts
from sdp_exporter.stores import open_store
from sdp_serving.contract.artifact import MANIFEST, SAVED_MODEL, ModelUri

KUBECTL = """#!/bin/sh
for word in "$@"; do
  case "$word" in
    stablediffusionpipelines*) cat '{folder}/pipelines'; exit {code};;
    deployments*) echo '{{"items": []}}'; exit 0;;
  esac
done
"""


@pytest.fixture(params=["gs", "file"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where three versions of a decoder lie, below which more models may."""
    uri = f"gs://{request.getfixturevalue('bucket').name}/sd" if request.param == "gs" else f"file://{tmp_path}/sd"
    folder = saved_model(tmp_path / "model")
    for version in (1700000000001, 1700000000002, 1700000000003):
        described = manifest(folder, version)
        with open_store(ModelUri.parse(f"{uri}/decoder")).bringing(folder, described.files, lambda size: None) as out:
            out(described)
    return uri


def spoil(base: str, path: str, content: str | None) -> None:
    uri = ModelUri.parse(base)
    bucket, _, prefix = uri.location.partition("/")
    if uri.scheme == "file":
        file = Path(uri.location, "decoder", path)
        file.unlink() if content is None else file.write_text(content)
        return
    blob = Client(project="tests").bucket(bucket).blob(f"{prefix}/decoder/{path}")
    blob.delete() if content is None else blob.upload_from_string(content)


def run(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(artifacts, arguments, **options)


def states(base: str, *options: str) -> list[str]:
    return [one["state"] for one in json.loads(run(base, "-o", "json", *options).stdout)]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets kubectl answer with the given pipelines, or fail."""

    def answering(*pipelines: object, code: int = 0) -> None:
        (tmp_path / "pipelines").write_text(json.dumps({"items": pipelines}))
        program = tmp_path / "bin" / "kubectl"
        program.parent.mkdir()
        program.write_text(KUBECTL.format(folder=tmp_path, code=code))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    return answering


def test_versions_are_listed_with_what_they_are(base: str) -> None:
    result = run(base)
    assert result.exit_code == 0
    title, *rows = result.stdout.splitlines()
    assert title.split() == ["VERSION", "CREATED", "COMPONENT", "WEIGHTS", "SIZE", "DIGEST", "STATE"]
    assert [row.split()[0] for row in rows] == ["1700000000001", "1700000000002", "1700000000003"]
    assert rows[0].split()[1:] == [
        "2026-01-01",
        "00:00",
        "decoder",
        "toy/base",
        "0.1",
        "KiB",
        "sha256:000000000000",
        "whole",
    ]


def test_a_program_reads_them_as_json(base: str) -> None:
    first, *_ = json.loads(run(base, "-o", "json").stdout)
    assert first["uri"] == f"{base}/decoder/1700000000001"
    assert first["digest"] == f"sha256:{'0' * 64}"
    assert (first["state"], first["faults"]) == ("whole", [])


def test_what_is_not_whole_is_told(base: str) -> None:
    spoil(base, f"1700000000001/{SAVED_MODEL}", None)
    spoil(base, f"1700000000002/{MANIFEST}", None)
    spoil(base, f"1700000000003/{VARIABLES}", None)
    result = run(base)
    assert states(base) == ["unfinished", "no manifest", "damaged"]
    assert result.exit_code == 1
    assert f"{base}/decoder/1700000000003: {VARIABLES} is missing" in result.stderr


def test_another_byte_is_found_by_verifying(base: str, tmp_path: Path) -> None:
    content = (tmp_path / "model" / VARIABLES).read_text()
    spoil(base, f"1700000000002/{VARIABLES}", content.swapcase())
    assert states(base) == ["whole"] * 3
    assert states(base, "--verify") == ["whole", "damaged", "whole"]
    assert f"1700000000002: {VARIABLES} has another checksum" in run(base, "--verify").stderr


def test_an_empty_place_is_said_to_be_empty(bucket: Bucket) -> None:
    result = run(f"gs://{bucket.name}/none")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"There is no model at gs://{bucket.name}/none.\n"


def test_all_but_the_last_are_pruned_and_what_a_pipeline_uses_stays(base: str, cluster: Any) -> None:
    cluster({"status": {"decoder": {"serving": {"model": f"{base}/decoder", "version": 1700000000001}}}})
    result = run(base, "--prune", "1", "--yes")
    assert result.exit_code == 0, result.output
    assert f"{base}/decoder/1700000000001 stays: a pipeline uses it" in result.stderr
    assert "Deleted 1 versions" in result.stderr
    left = [one["version"] for one in json.loads(run(base, "-o", "json").stdout)]
    assert left == [1700000000001, 1700000000003]


def test_nothing_is_pruned_without_consent(base: str, cluster: Any) -> None:
    cluster()
    assert run(base, "--prune", "1", input="n\n").exit_code == 1
    assert states(base) == ["whole"] * 3
    assert run(base, "--prune", "1", input="y\n").exit_code == 0
    assert states(base) == ["whole"]


def test_nothing_is_pruned_while_the_cluster_does_not_answer(base: str, cluster: Any) -> None:
    cluster(code=1)
    result = run(base, "--prune", "1", "--yes")
    assert result.exit_code == 2
    assert "can't be asked which versions its pipelines use" in result.stderr
    assert "choose another --context, or say with --no-cluster" in result.stderr
    assert states(base) == ["whole"] * 3
    assert run(base, "--prune", "2", "--yes", "--no-cluster").exit_code == 0
    assert states(base) == ["whole"] * 2


def test_pruning_prints_no_json(base: str) -> None:
    result = run(base, "--prune", "1", "--yes", "--no-cluster", "-o", "json")
    assert result.exit_code == 2
    assert "--output=json is for listing: leave it out, or --prune" in result.stderr
    assert states(base) == ["whole"] * 3


@pytest.mark.parametrize("uri", ["s3://b", "gs://b/sd/1700000000001", "pvc://claim/sd"])
def test_a_uri_that_cannot_be_listed_is_refused(uri: str) -> None:
    assert run(uri).exit_code == 2
