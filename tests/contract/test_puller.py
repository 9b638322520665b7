"""The puller's init container against a real storage emulator and plain folders."""

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

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.support.pulling import NUMBER, SHARD, Puller, artifact, upload, write
from tests.support.pulling import VERSION as NEW

import sdp_serving
from sdp_serving.contract.artifact import MANIFEST, SAVED_MODEL
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

SERVING = Path(sdp_serving.__file__).parents[1]
DIFFUSION, ENCODER = Component.DIFFUSION_MODEL, Component.TEXT_ENCODER
OLD = NEW - 1


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


def test_the_newest_whole_version_is_laid_and_reported(bucket: "Bucket", puller: Puller) -> None:
    upload(bucket, artifact(OLD), OLD)
    uri = upload(bucket, artifact(NEW), NEW)
    half = artifact(NEW + 1)
    del half[SAVED_MODEL]
    upload(bucket, half, NEW + 1)

    run = puller.fetch(uri)

    pulled = run.pulled()
    assert run.laid() == artifact(NEW)
    assert (pulled.component, pulled.version, pulled.uri) == (DIFFUSION, NEW, f"{uri}/{NEW}")
    assert (pulled.image_size, pulled.width, pulled.tensorflow) == (64, 96, "2.19.1")
    assert pulled.size_bytes == sum(len(content) for path, content in artifact(NEW).items() if path != MANIFEST)
    assert "MiB/s" in run.said


def test_a_pinned_version_replaces_whatever_was_there(bucket: "Bucket", puller: Puller) -> None:
    upload(bucket, artifact(OLD), OLD)
    uri = upload(bucket, artifact(NEW), NEW)
    assert puller.fetch(uri).code == 0

    run = puller.fetch(f"{uri}/{OLD}", number=NUMBER - 1)

    assert run.code == 0, run.said
    assert run.laid(NUMBER - 1) == artifact(OLD)
    assert [entry.name for entry in run.home.iterdir()] == [str(NUMBER - 1)]


def test_the_model_that_served_before_is_kept(bucket: "Bucket", puller: Puller) -> None:
    kept = puller.models / DIFFUSION / ".previous" / "9" / SAVED_MODEL
    kept.parent.mkdir(parents=True)
    kept.touch()

    assert puller.fetch(upload(bucket, artifact())).code == 0

    assert kept.exists()


@pytest.mark.parametrize("damaged", [False, True])
def test_a_model_to_go_back_to_is_taken_from_what_the_pod_has_kept_where_that_is_whole(
    bucket: "Bucket", puller: Puller, damaged: bool
) -> None:
    uri = upload(bucket, artifact())
    home = puller.fetch(uri).home
    (home / ".previous").mkdir()
    (home / str(NUMBER)).rename(home / ".previous" / str(NUMBER))
    if damaged:
        (home / ".previous" / str(NUMBER) / SHARD).write_bytes(b"x" * len(artifact()[SHARD]))
    other = upload(bucket, artifact(OLD), version=OLD, prefix="sd/other")
    puller.fetch(other, number=NUMBER - 1)

    run = puller.fetch(
        uri, number=NUMBER - 2, patience=1, env={} if damaged else {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"}
    )

    assert run.code == 0, run.said
    assert run.laid(NUMBER - 2) == artifact()
    assert {entry.name for entry in home.iterdir()} == {".previous", str(NUMBER - 2)}


def test_a_large_file_arrives_whole_though_fetched_in_parts(bucket: "Bucket", puller: Puller) -> None:
    shard = b"".join(number.to_bytes(8) for number in range(5 << 20))
    uri = upload(bucket, artifact(shard=shard))

    run = puller.fetch(uri)

    assert run.code == 0, run.said
    assert run.laid()[SHARD] == shard
    assert "40.0 of 40.0 MiB, 100 %" in run.said


def test_a_second_run_verifies_what_is_there_and_needs_no_storage(bucket: "Bucket", puller: Puller) -> None:
    uri = upload(bucket, artifact())
    first = puller.fetch(uri)
    before = (first.home / str(NUMBER) / SHARD).stat().st_mtime_ns

    run = puller.fetch(uri, env={"STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"})

    assert run.pulled() == first.pulled()
    assert "already at" in run.said
    assert (run.home / str(NUMBER) / SHARD).stat().st_mtime_ns == before


def test_a_model_that_is_there_is_known_by_the_version_that_was_found_too(bucket: "Bucket", puller: Puller) -> None:
    first = puller.fetch(upload(bucket, artifact()))

    run = puller.fetch(first.pulled().uri, env={"STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"})

    assert run.pulled() == first.pulled()
    assert "already at" in run.said


def test_a_model_damaged_in_place_is_fetched_again(bucket: "Bucket", puller: Puller) -> None:
    uri = upload(bucket, artifact())
    place = puller.fetch(uri).home / str(NUMBER) / SHARD
    place.write_bytes(b"x" * place.stat().st_size)

    run = puller.fetch(uri)

    assert run.code == 0, run.said
    assert run.laid() == artifact()


def test_a_flipped_byte_in_storage_is_found_before_anything_is_fetched(bucket: "Bucket", puller: Puller) -> None:
    files = artifact()
    files[SHARD] = b"W" + files[SHARD][1:]

    run = puller.fetch(upload(bucket, files))

    failure = run.failure()
    assert failure.reason is PullFailure.CORRUPT
    assert f"{SHARD} differs from its checksum" in failure.message
    assert not run.home.exists()


def test_a_file_missing_from_storage_is_named(bucket: "Bucket", puller: Puller) -> None:
    files = artifact()
    del files["variables/variables.index"]

    failure = puller.fetch(upload(bucket, files)).failure()

    assert failure.reason is PullFailure.CORRUPT
    assert "variables/variables.index is missing" in failure.message


def test_another_component_is_refused_by_name(bucket: "Bucket", puller: Puller) -> None:
    uri = upload(bucket, artifact(component=ENCODER))

    failure = puller.fetch(uri).failure()

    assert failure.reason is PullFailure.WRONG_COMPONENT
    assert f"{uri}/{NEW} is a text-encoder, asked for as diffusion-model" in failure.message


def test_a_model_that_suits_the_pipeline_and_the_server_is_laid(bucket: "Bucket", puller: Puller) -> None:
    options = ("--sd-version=tiny", "--image-size=64x64", "--server-tensorflow=2.19")
    run = puller.fetch(upload(bucket, artifact()), *options)

    assert run.code == 0, run.said


@pytest.mark.parametrize(
    ("option", "reason", "words"),
    [
        (
            "--sd-version=1.5",
            PullFailure.WRONG_STABLE_DIFFUSION,
            "is of Stable Diffusion tiny (a context 96 wide), in a pipeline of version 1.5",
        ),
        (
            "--image-size=512x768",
            PullFailure.WRONG_STABLE_DIFFUSION,
            "is for images of 64x64 pixels (height x width), in a pipeline for 512x768",
        ),
        (
            "--server-tensorflow=2.18",
            PullFailure.NEWER_TENSORFLOW,
            "was exported by TensorFlow 2.19.1, and the model server's is 2.18",
        ),
        (
            "--batching",
            PullFailure.NOT_BATCHABLE,
            "(batch_size, guidance_scale, num_steps, seed), which TensorFlow Serving puts into no batch: remove"
            " diffusionModel.batching",
        ),
    ],
)
def test_a_model_for_another_pipeline_or_server_is_refused_before_it_is_fetched(
    bucket: "Bucket", puller: Puller, option: str, reason: PullFailure, words: str
) -> None:
    run = puller.fetch(upload(bucket, artifact()), option)

    failure = run.failure()
    assert failure.reason is reason
    assert words in failure.message
    assert not run.home.exists()


def test_a_decoder_may_be_batched(bucket: "Bucket", puller: Puller) -> None:
    uri = upload(bucket, artifact(component=Component.DECODER))

    run = puller.fetch(uri, "--batching", component=Component.DECODER)

    assert run.code == 0, run.said


@pytest.mark.parametrize("size", ["512", "512x", "0x512", "x", "5 x 5"])
def test_a_size_that_is_none_is_refused(puller: Puller, size: str) -> None:
    run = puller.fetch("gs://bucket/sd", f"--image-size={size}")

    assert run.code == 2
    assert "is no size of an image: give the height and the width, such as 512x768" in run.said


@pytest.mark.parametrize("version", ["2", "two", "2.", ""])
def test_a_version_of_tensorflow_that_is_none_is_refused(puller: Puller, version: str) -> None:
    run = puller.fetch("gs://bucket/sd", f"--server-tensorflow={version}")

    assert run.code == 2
    assert "is no version of TensorFlow: give one such as 2.19" in run.said


@pytest.mark.parametrize("pin", ["", f"/{NEW}"])
def test_an_upload_without_saved_model_is_incomplete(bucket: "Bucket", puller: Puller, pin: str) -> None:
    files = artifact()
    del files[SAVED_MODEL]

    failure = puller.fetch(upload(bucket, files) + pin).failure()

    assert failure.reason is PullFailure.MODEL_INCOMPLETE
    assert "export" in failure.message


def test_a_missing_bucket_and_a_missing_folder_are_not_found(bucket: "Bucket", puller: Puller) -> None:
    for uri in ("gs://no-such-bucket-here/sd", f"gs://{bucket.name}/elsewhere", f"gs://{bucket.name}/sd/{NEW}"):
        failure = puller.fetch(uri).failure()
        assert failure.reason is PullFailure.MODEL_NOT_FOUND
        assert uri in failure.message


@pytest.mark.parametrize("uri", ["s3://bucket/model", "pvc://claim/model"])
def test_a_uri_from_which_nothing_can_be_pulled_is_refused(puller: Puller, uri: str) -> None:
    assert puller.fetch(uri).failure().reason is PullFailure.UNUSABLE_URI


@pytest.mark.parametrize("content", [None, "no JSON", '{"rollouts": {}}'])
def test_a_pod_for_which_no_model_is_named_says_so(puller: Puller, content: str | None) -> None:
    command = puller.fetching("gs://bucket/model")
    puller.desired.unlink()
    if content is not None:
        puller.desired.write_text(content)

    failure = puller.run(command).failure()

    assert failure.reason is PullFailure.MODEL_NOT_FOUND
    assert "the operator names no model for this pod" in failure.message
    assert str(puller.desired) in failure.message


def test_a_folder_serves_as_storage_too(tmp_path: Path, puller: Puller) -> None:
    run = puller.fetch(write(tmp_path / "storage", artifact()))

    assert run.code == 0, run.said
    assert run.laid() == artifact()
    assert puller.fetch(f"file://{tmp_path}/nowhere").failure().reason is PullFailure.MODEL_NOT_FOUND


def test_a_folder_that_cannot_be_written_is_told(bucket: "Bucket", puller: Puller) -> None:
    puller.models.mkdir()
    (puller.models / DIFFUSION).write_text("in the way")

    failure = puller.fetch(upload(bucket, artifact())).failure()

    assert failure.reason is PullFailure.STORAGE_UNAVAILABLE
    assert f"cannot be written at {puller.models}/{DIFFUSION}" in failure.message


def test_a_model_on_a_claim_is_verified_and_nothing_is_laid(tmp_path: Path, puller: Puller) -> None:
    write(tmp_path / "claim" / "sd", artifact())

    run = puller.verify("pvc://models/sd", tmp_path / "claim")

    assert run.pulled().uri == f"pvc://models/sd/{NEW}"
    assert not run.home.exists()


def test_a_manifest_that_is_too_large_to_be_one_is_not_read(tmp_path: Path, puller: Puller) -> None:
    files = artifact()
    files[MANIFEST] += b" " * (9 << 20)

    failure = puller.fetch(write(tmp_path / "storage", files)).failure()

    assert failure.reason is PullFailure.CORRUPT
    assert "its sdpipeline.json is larger than 8 MiB" in failure.message


def test_no_uri_leads_out_of_its_claim(tmp_path: Path, puller: Puller) -> None:
    outside = write(tmp_path / "outside", artifact()).removeprefix("file://")

    failure = puller.verify(f"pvc://models/{outside}", tmp_path / "claim").failure()

    assert failure.reason is PullFailure.MODEL_NOT_FOUND


def test_a_wrong_byte_on_a_claim_is_found(tmp_path: Path, puller: Puller) -> None:
    files = artifact()
    files[SHARD] = b"W" + files[SHARD][1:]
    write(tmp_path / "claim" / "sd", files)

    failure = puller.verify(f"pvc://models/sd/{NEW}", tmp_path / "claim").failure()

    assert failure.reason is PullFailure.CORRUPT
    assert f"pvc://models/sd/{NEW} is damaged, {SHARD} differs from its checksum" in failure.message


def test_only_what_lies_on_a_claim_is_verified_in_place(tmp_path: Path, puller: Puller) -> None:
    failure = puller.verify("gs://bucket/sd", tmp_path).failure()

    assert failure.reason is PullFailure.UNUSABLE_URI
    assert "gs://bucket/sd lies on no claim" in failure.message


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
    failure = puller.fetch(
        "gs://bucket/sd", patience=patience, env={"STORAGE_EMULATOR_HOST": front(statuses)}
    ).failure()
    assert failure.reason is reason
    assert "gs://bucket/sd" in failure.message


def test_storage_that_cannot_be_reached_is_unavailable(puller: Puller) -> None:
    failure = puller.fetch("gs://bucket/sd", patience=1, env={"STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"}).failure()
    assert failure.reason is PullFailure.STORAGE_UNAVAILABLE


@pytest.mark.parametrize("content", [None, "", "no JSON", "{}", '{"type": "service_account"}'])
def test_a_key_file_that_is_none_is_named_with_what_to_do(tmp_path: Path, puller: Puller, content: str | None) -> None:
    key = tmp_path / "key.json"
    if content is not None:
        key.write_text(content)

    failure = puller.fetch("gs://bucket/sd", env={"GOOGLE_APPLICATION_CREDENTIALS": str(key)}).failure()

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

        failure = puller.fetch("gs://bucket/sd", env={"GOOGLE_APPLICATION_CREDENTIALS": str(key)}).failure()

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
            *puller.fetching(uri),
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
    assert [entry.name for entry in home.iterdir()] == [f".{NUMBER}.partial"]
    run = puller.fetch(uri)
    assert run.code == 0, run.said
    assert run.laid() == artifact()
