"""The exporter as a Job of Kubernetes runs it: what its exit codes, its log's last line and a second run say."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from click.testing import CliRunner, Result
from google.cloud.storage import Bucket
from tests.support.pipelines import pipeline

import sdp_exporter
import sdp_serving
from sdp_exporter import cli
from sdp_operator.desired.export_job import export_job, exported_uri
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component

SOURCES = os.pathsep.join(str(Path(file).parents[1]) for file in (sdp_exporter.__file__, sdp_serving.__file__) if file)


def export(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run it as its image does, at home nowhere but in `home`."""
    program = [sys.executable, "-X", "importtime", "-m", "sdp_exporter", "sd-tiny", *arguments]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": SOURCES,
        "STORAGE_EMULATOR_HOST": os.environ["STORAGE_EMULATOR_HOST"],
        "HOME": str(home),
        "TMPDIR": str(home),
    }
    return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=240, check=False)


def said(result: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in result.stderr.splitlines() if not line.startswith("import time:")]


def imported(result: subprocess.CompletedProcess[str]) -> bool:
    return any(line.startswith("import time:") and line.endswith(" tensorflow") for line in result.stderr.splitlines())


def test_a_job_that_runs_twice_exports_once(bucket: Bucket, tmp_path: Path) -> None:
    to, result = f"--to=gs://{bucket.name}/exported", f"--result-file={tmp_path}/result"
    arguments = ("--component=image-encoder", "--weights=base", to, result)

    first, second = (export(*arguments, home=tmp_path) for _ in range(2))

    assert (first.returncode, second.returncode) == (0, 0), first.stderr[-2000:]
    assert first.stdout == second.stdout
    uri = first.stdout.strip()
    assert uri.startswith(f"gs://{bucket.name}/exported/image-encoder/1")
    lines = [json.loads(line) for line in said(first)]
    assert {(line["weights"], line["component"]) for line in lines} == {("sd-tiny/base", "image-encoder")}
    assert [line["stage"] for line in lines] == ["build", "load", "trace", "save", "upload", "exported"]
    *_, made = lines
    assert made["uri"] == uri
    assert made["peakMemoryBytes"] > made["bytes"] > 0
    assert set(made["seconds"]) == {"build", "load", "trace", "save", "upload"}
    (unchanged,) = [json.loads(line) for line in said(second)]
    assert (unchanged["stage"], unchanged["uri"], unchanged["digest"]) == ("unchanged", uri, made["digest"])
    assert json.loads((tmp_path / "result").read_text()) == {
        "models": [{"component": "image-encoder", "uri": uri, "digest": made["digest"]}]
    }
    assert (imported(first), imported(second)) == (True, False), "a second run need not wait for TensorFlow"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli.main, ("sd-tiny", "--component=decoder", *arguments), env=environment)


def test_a_missing_bucket_is_for_the_user(storage_emulator: str) -> None:
    result = run("--to=gs://not-there/exported")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: the bucket gs://not-there does not exist: create it")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--to=gs://b/x", "--weights=striped"), "sd-tiny has the weights 'striped' for diffusion-model, not decoder"),
        (("--to=gs://b/x", "--weights=gs://b/mine.h5"), "sd-tiny has no weights 'gs://b/mine.h5': choose among"),
        (("--to=s3://b/x",), "'s3://b/x' is no model URI: give one such as gs://bucket/folder"),
    ],
)
def test_bad_input_is_for_the_user(arguments: tuple[str, ...], sentence: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert sentence in last


@pytest.mark.parametrize("component", Component)
@pytest.mark.parametrize(
    ("wanted", "weights", "name"),
    [
        ({"version": "tiny", "height": 64, "width": 64}, "base", "sd-tiny/base"),
        ({"version": "2.1", "height": 768, "width": 768}, "random", "sd-2.1/random"),
    ],
)
def test_the_exporter_takes_what_the_operators_job_gives_it(
    component: Component, wanted: dict[str, Any], weights: str, name: str, tmp_path: Path
) -> None:
    spec = {
        "stableDiffusion": wanted,
        component.field: {"weights": weights},
        "export": {"to": f"file://{tmp_path}/exported"},
    }
    job = export_job(pipeline(spec), component, weights, Settings(local_files_root=PurePosixPath(tmp_path)))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    arguments = [argument for argument in container["args"] if not argument.startswith("--result-file=")]
    result = CliRunner().invoke(cli.main, [*arguments, "--dry-run"])
    assert result.exit_code == 0, result.stderr
    # A table of one line beneath its header.
    (planned,) = result.stdout.splitlines()[1:]
    assert planned.split()[:2] == [component, name]
    assert str(exported_uri(pipeline(spec), component, weights)) in planned


class Silent(BaseHTTPRequestHandler):
    """Storage that takes a request and never answers it."""

    reached: threading.Event
    released: threading.Event

    def do_POST(self) -> None:
        self.reached.set()
        self.released.wait(60)

    def log_message(self, *args: Any) -> None:
        pass


def test_an_export_that_is_told_to_end_ends_at_once() -> None:
    reached, released = threading.Event(), threading.Event()
    handler = type("One", (Silent,), {"reached": reached, "released": released})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": SOURCES,
            "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{server.server_port}",
        }
        program = [sys.executable, "-m", "sdp_exporter", "sd-tiny", "--component=decoder", "--to=gs://bucket/exported"]
        with subprocess.Popen(program, env=environment) as process:
            try:
                assert reached.wait(60)
                process.terminate()
                assert process.wait(10) == 143, "and not as a process without a handler dies, which the first one can't"
            finally:
                process.kill()
                released.set()
                server.shutdown()


class Storage(BaseHTTPRequestHandler):
    """Storage that has one answer."""

    status: int

    def do_POST(self) -> None:
        body = b'{"error": {"message": "no"}}'
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def storage(request: pytest.FixtureRequest) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), type("One", (Storage,), {"status": request.param})) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("storage", "code", "sentence"),
    [
        (403, 2, "no permission to read and write gs://bucket"),
        (400, 2, "refused a request for gs://bucket"),
        (429, 1, "is out of order for gs://bucket"),
        (503, 1, "is out of order for gs://bucket"),
    ],
    indirect=["storage"],
)
def test_what_storage_answers_tells_whether_to_try_again(
    storage: str, code: int, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdp_exporter.stores.gcs_requests.READ_RETRY", None)
    result = run("--to=gs://bucket/exported", STORAGE_EMULATOR_HOST=storage)
    assert result.exit_code == code
    assert sentence in result.stderr.splitlines()[-1]


def test_storage_that_does_not_answer_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdp_exporter.stores.gcs_requests.READ_RETRY", None)
    result = run("--to=gs://bucket/exported", STORAGE_EMULATOR_HOST="http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "cannot be reached: check" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("content", [None, "", "{}"])
def test_a_key_that_is_none_is_for_the_user(tmp_path: Path, content: str | None) -> None:
    key = tmp_path / "key.json"
    if content is not None:
        key.write_text(content)
    result = run("--to=gs://bucket/exported", GOOGLE_APPLICATION_CREDENTIALS=str(key))
    assert result.exit_code == 2
    assert f"{key}, which GOOGLE_APPLICATION_CREDENTIALS names, holds no Google Cloud" in result.stderr


def test_a_full_disk_may_be_freed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path))

    (tmp_path / "decoder").mkdir()
    monkeypatch.setattr(Path, "iterdir", full)
    result = run(f"--to=file://{tmp_path}")
    assert result.exit_code == 1
    assert "cannot be used: no space left on device" in result.stderr.splitlines()[-1]
