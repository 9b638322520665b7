"""The puller against a real storage emulator and plain folders."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import google_crc32c
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import sdp_serving
from sdp_serving.contract.artifact import MANIFEST, SAVED_MODEL
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import NotPulled, Pulled, PullFailure, read_report
from sdp_serving.contract.signatures import signatures
from sdp_serving.puller.__main__ import main

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

SERVING = Path(sdp_serving.__file__).parents[1]
DIFFUSION, ENCODER = Component.DIFFUSION_MODEL, Component.TEXT_ENCODER
SHARD = "variables/variables.data-00000-of-00001"
OLD, NEW = 1_700_000_000_000, 1_700_000_000_001


class Run:
    """One run of the puller: its exit code, its report and what it said."""

    def __init__(self, models: Path, result: Result, report: Path) -> None:
        self.models = models
        self.code = result.exit_code
        self.said = result.stderr
        self.report = read_report(report.read_text()) if report.exists() else None

    def laid(self, component: Component = DIFFUSION) -> dict[str, bytes]:
        """Everything in the component's folder, by path."""
        home = self.models / component
        return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}

    def failure(self) -> NotPulled:
        assert self.code == 1, self.said
        assert isinstance(self.report, NotPulled)
        assert self.said.splitlines()[-1] == f"Error: {self.report.message}."
        return self.report


Puller = Callable[..., Run]


def arguments(models: Path, report: Path, uri: str, component: Component, patience: float) -> list[str]:
    options = {"component": component, "uri": uri, "models": models, "report": report, "patience": patience}
    return [f"--{name}={value}" for name, value in options.items()]


@pytest.fixture
def puller(tmp_path: Path) -> Iterator[Puller]:
    """Runs it in this process, for its storage library takes long to load."""
    models, report = tmp_path / "models", tmp_path / "report"

    def run(
        uri: str, component: Component = DIFFUSION, patience: float = 20, options: tuple[str, ...] = (), **more: str
    ) -> Run:
        report.unlink(missing_ok=True)
        command = [*arguments(models, report, uri, component, patience), *options]
        result = CliRunner().invoke(main, command, env=more)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Run(models, result, report)

    before = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, before)


def artifact(
    version: int = NEW, component: Component = DIFFUSION, shard: bytes = b"weights " * 1000
) -> dict[str, bytes]:
    """An artifact's files by path, in the order of an upload: saved_model.pb last."""
    files = {
        SHARD: shard,
        "variables/variables.index": b"index",
        "assets/empty": b"",
        SAVED_MODEL: b"graph %d" % version,
    }
    manifest = {
        "component": component,
        "version": version,
        "created": "2026-01-01T00:00:00Z",
        "sd_version": "tiny",
        "width": 96,
        "image_size": 64,
        "tensorflow": "2.19.1",
        "exporter": "0.1.0",
        "weights": "test",
        "source_digest": f"sha256:{version:064x}",
        "signatures": {
            str(name): signature.model_dump()
            for name, signature in signatures(component, width=96, image_size=64).items()
        },
        "files": {
            path: {"size": len(content), "crc32c": f"{google_crc32c.value(content):08x}"}
            for path, content in files.items()
        },
    }
    graph = files.pop(SAVED_MODEL)
    return {**files, MANIFEST: json.dumps(manifest).encode(), SAVED_MODEL: graph}


def upload(bucket: "Bucket", files: dict[str, bytes], version: int = NEW, prefix: str = "sd/diffusion-model") -> str:
    for path, content in files.items():
        bucket.blob(f"{prefix}/{version}/{path}").upload_from_string(content)
    return f"gs://{bucket.name}/{prefix}"


def test_the_newest_whole_version_is_laid_and_reported(bucket: "Bucket", puller: Puller) -> None:
    upload(bucket, artifact(OLD), OLD)
    uri = upload(bucket, artifact(NEW), NEW)
    half = artifact(NEW + 1)
    del half[SAVED_MODEL]
    upload(bucket, half, NEW + 1)

    run = puller(uri)

    assert run.code == 0, run.said
    assert run.laid() == {f"{NEW}/{path}": content for path, content in artifact(NEW).items()}
    assert isinstance(run.report, Pulled)
    assert (run.report.component, run.report.version, run.report.uri) == (DIFFUSION, NEW, f"{uri}/{NEW}")
    assert run.report.size_bytes == sum(len(content) for path, content in artifact(NEW).items() if path != MANIFEST)
    assert "MiB/s" in run.said


def test_a_pinned_version_replaces_whatever_was_there(bucket: "Bucket", puller: Puller) -> None:
    upload(bucket, artifact(OLD), OLD)
    uri = upload(bucket, artifact(NEW), NEW)
    assert puller(uri).code == 0

    run = puller(f"{uri}/{OLD}")

    assert run.code == 0, run.said
    assert run.laid() == {f"{OLD}/{path}": content for path, content in artifact(OLD).items()}


def test_a_large_file_arrives_whole_though_fetched_in_parts(bucket: "Bucket", puller: Puller) -> None:
    shard = b"".join(number.to_bytes(8) for number in range(5 << 20))
    uri = upload(bucket, artifact(shard=shard))

    run = puller(uri)

    assert run.code == 0, run.said
    assert run.laid()[f"{NEW}/{SHARD}"] == shard
    assert "40.0 of 40.0 MiB, 100 %" in run.said


def test_a_second_run_verifies_what_is_there_and_fetches_nothing(bucket: "Bucket", puller: Puller) -> None:
    uri = upload(bucket, artifact())
    first = puller(uri)
    place = first.models / DIFFUSION / str(NEW) / SHARD
    before = place.stat().st_mtime_ns

    run = puller(uri)

    assert run.code == 0, run.said
    assert "already at" in run.said
    assert place.stat().st_mtime_ns == before
    assert isinstance(run.report, Pulled)


def test_a_model_damaged_in_place_is_fetched_again(bucket: "Bucket", puller: Puller) -> None:
    uri = upload(bucket, artifact())
    place = puller(uri).models / DIFFUSION / str(NEW) / SHARD
    place.write_bytes(b"x" * place.stat().st_size)

    run = puller(uri)

    assert run.code == 0, run.said
    assert run.laid()[f"{NEW}/{SHARD}"] == artifact()[SHARD]


def test_a_flipped_byte_in_storage_is_found_and_nothing_is_served(bucket: "Bucket", puller: Puller) -> None:
    files = artifact()
    files[SHARD] = b"W" + files[SHARD][1:]
    uri = upload(bucket, files)

    run = puller(uri)

    failure = run.failure()
    assert failure.reason is PullFailure.CORRUPT
    assert SHARD in failure.message
    assert not (run.models / DIFFUSION / str(NEW)).exists()


def test_a_file_missing_from_storage_is_named(bucket: "Bucket", puller: Puller) -> None:
    files = artifact()
    del files["variables/variables.index"]

    failure = puller(upload(bucket, files)).failure()

    assert failure.reason is PullFailure.CORRUPT
    assert "variables/variables.index is missing" in failure.message


def test_another_component_is_refused_by_name(bucket: "Bucket", puller: Puller) -> None:
    uri = upload(bucket, artifact(component=ENCODER))

    failure = puller(uri).failure()

    assert failure.reason is PullFailure.WRONG_COMPONENT
    assert f"{uri}/{NEW} is a text-encoder, asked for as diffusion-model" in failure.message


def test_a_model_that_suits_the_pipeline_is_laid(bucket: "Bucket", puller: Puller) -> None:
    run = puller(upload(bucket, artifact()), options=("--sd-version=tiny", "--image-size=64x64"))

    assert run.code == 0, run.said


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--sd-version=1.5", "is of Stable Diffusion tiny (a context 96 wide), in a pipeline of version 1.5"),
        ("--image-size=512x768", "is for images of 64x64 pixels (height x width), in a pipeline for 512x768"),
    ],
)
def test_a_model_for_another_pipeline_is_refused_before_it_is_fetched(
    bucket: "Bucket", puller: Puller, option: str, words: str
) -> None:
    run = puller(upload(bucket, artifact()), options=(option,))

    failure = run.failure()
    assert failure.reason is PullFailure.WRONG_STABLE_DIFFUSION
    assert words in failure.message
    assert not (run.models / DIFFUSION).exists()


@pytest.mark.parametrize("size", ["512", "512x", "0x512", "x", "5 x 5"])
def test_a_size_that_is_none_is_refused(puller: Puller, size: str) -> None:
    run = puller("gs://bucket/sd", options=(f"--image-size={size}",))

    assert run.code == 2
    assert "is no size of an image: give the height and the width, such as 512x768" in run.said


@pytest.mark.parametrize("pin", ["", f"/{NEW}"])
def test_an_upload_without_saved_model_is_incomplete(bucket: "Bucket", puller: Puller, pin: str) -> None:
    files = artifact()
    del files[SAVED_MODEL]

    failure = puller(upload(bucket, files) + pin).failure()

    assert failure.reason is PullFailure.MODEL_INCOMPLETE
    assert "export" in failure.message


def test_a_saved_model_without_a_manifest_is_incomplete(bucket: "Bucket", puller: Puller) -> None:
    files = artifact()
    del files[MANIFEST]

    failure = puller(upload(bucket, files)).failure()

    assert failure.reason is PullFailure.MODEL_INCOMPLETE
    assert MANIFEST in failure.message


def test_a_missing_bucket_and_a_missing_folder_are_not_found(bucket: "Bucket", puller: Puller) -> None:
    for uri in ("gs://no-such-bucket-here/sd", f"gs://{bucket.name}/elsewhere", f"gs://{bucket.name}/sd/{NEW}"):
        failure = puller(uri).failure()
        assert failure.reason is PullFailure.MODEL_NOT_FOUND
        assert uri in failure.message


def test_text_that_is_no_uri_is_refused(puller: Puller) -> None:
    assert puller("s3://bucket/model").failure().reason is PullFailure.UNUSABLE_URI


def test_a_folder_serves_as_storage_too(tmp_path: Path, puller: Puller) -> None:
    for path, content in artifact().items():
        target = tmp_path / "storage" / str(NEW) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    run = puller(f"file://{tmp_path}/storage")

    assert run.code == 0, run.said
    assert run.laid() == {f"{NEW}/{path}": content for path, content in artifact().items()}
    assert puller(f"file://{tmp_path}/nowhere").failure().reason is PullFailure.MODEL_NOT_FOUND


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, bucket: "Bucket", puller: Puller) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / DIFFUSION).write_text("in the way")

    failure = puller(upload(bucket, artifact())).failure()

    assert failure.reason is PullFailure.STORAGE_UNAVAILABLE
    assert f"cannot be written below {tmp_path}/models" in failure.message


class Front(BaseHTTPRequestHandler):
    """Storage that answers each request with the next of `statuses`, the last one for ever."""

    statuses: list[int]

    def do_GET(self) -> None:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        body = json.dumps({"prefixes": []} if status == 200 else {"error": {"message": "no"}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def front() -> Iterator[Callable[[list[int]], str]]:
    servers: list[ThreadingHTTPServer] = []

    def start(statuses: list[int]) -> str:
        handler = type("Front", (Front,), {"statuses": statuses})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("statuses", "reason"),
    [
        ([403], PullFailure.ACCESS_DENIED),
        ([401], PullFailure.ACCESS_DENIED),
        ([400], PullFailure.UNUSABLE_URI),
        ([503], PullFailure.STORAGE_UNAVAILABLE),
        ([503, 429, 200], PullFailure.MODEL_NOT_FOUND),
    ],
)
def test_what_storage_answers_is_told_apart(
    front: Callable[[list[int]], str], puller: Puller, statuses: list[int], reason: PullFailure
) -> None:
    patience = 1 if statuses == [503] else 20
    failure = puller("gs://bucket/sd", patience=patience, STORAGE_EMULATOR_HOST=front(statuses)).failure()
    assert failure.reason is reason
    assert "gs://bucket/sd" in failure.message


def test_storage_that_cannot_be_reached_is_unavailable(puller: Puller) -> None:
    failure = puller("gs://bucket/sd", patience=1, STORAGE_EMULATOR_HOST="http://127.0.0.1:9").failure()
    assert failure.reason is PullFailure.STORAGE_UNAVAILABLE


@pytest.mark.parametrize("content", [None, "", "no JSON", "{}", '{"type": "service_account"}'])
def test_a_key_file_that_is_none_is_named_with_what_to_do(tmp_path: Path, puller: Puller, content: str | None) -> None:
    key = tmp_path / "key.json"
    if content is not None:
        key.write_text(content)

    failure = puller("gs://bucket/sd", GOOGLE_APPLICATION_CREDENTIALS=str(key)).failure()

    assert failure.reason is PullFailure.ACCESS_DENIED
    assert f"{key} holds no key of a Google service account that is in force: put one" in failure.message


class TokenIssuer(BaseHTTPRequestHandler):
    """Google's token endpoint, which knows no account."""

    asked: list[bytes]

    def do_POST(self) -> None:
        self.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        body = b'{"error": "invalid_grant", "error_description": "account not found"}'
        self.send_response(400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def test_a_key_file_is_what_it_signs_in_with(tmp_path: Path, puller: Puller) -> None:
    asked: list[bytes] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Issuer", (TokenIssuer,), {"asked": asked})) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        key = tmp_path / "key.json"
        key.write_text(json.dumps(account_key(f"http://127.0.0.1:{server.server_port}/token")))

        failure = puller("gs://bucket/sd", GOOGLE_APPLICATION_CREDENTIALS=str(key)).failure()

        server.shutdown()
    assert b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer" in asked[0]
    assert failure.reason is PullFailure.ACCESS_DENIED
    assert f"{key} holds no key of a Google service account that is in force" in failure.message


def account_key(token_uri: str) -> dict[str, str]:
    """A key of a service account, as Google gives it out."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "art",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "puller@art.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_uri,
    }


class Stalling(BaseHTTPRequestHandler):
    """The emulator behind a line on which one file never arrives."""

    emulator: str
    reached: threading.Event
    released: threading.Event

    def do_GET(self) -> None:
        if "variables.index" in self.path and "alt=media" in self.path:
            self.reached.set()
            self.released.wait(60)
            return
        request = urllib.request.Request(self.emulator + self.path, headers=dict(self.headers))
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_puller_killed_in_the_middle_leaves_no_model_and_the_next_one_makes_it_whole(
    tmp_path: Path, bucket: "Bucket", storage_emulator: str, puller: Puller, number: signal.Signals
) -> None:
    uri = upload(bucket, artifact())
    reached, released = threading.Event(), threading.Event()
    line = {"emulator": storage_emulator, "reached": reached, "released": released}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Line", (Stalling,), line))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    home = tmp_path / "models" / DIFFUSION
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "sdp_serving.puller"),
            *arguments(tmp_path / "models", tmp_path / "report", uri, DIFFUSION, 20),
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(SERVING),
            "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{server.server_port}",
        },
    ) as process:
        try:
            assert reached.wait(60)
            process.send_signal(number)
            code = process.wait(20)
        finally:
            process.kill()
            released.set()
            server.shutdown()
            server.server_close()

    assert code == (143 if number == signal.SIGTERM else -9)
    assert [entry.name for entry in home.iterdir()] == [f".{NEW}.partial"]
    run = puller(uri)
    assert run.code == 0, run.said
    assert run.laid() == {f"{NEW}/{path}": content for path, content in artifact().items()}
