"""What an export leaves behind, read by a process that knows nothing of the exporter."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.cloud.storage import Bucket
from tests.support.toy_models import IMAGE_SIZE, WIDTH, toy_source

from sdp_exporter.errors import BrokenExportError
from sdp_exporter.export import Exported, Request, export
from sdp_exporter.stages import Stage
from sdp_exporter.stores import Progress
from sdp_exporter.stores.gcs import GcsStore
from sdp_serving.contract.artifact import MANIFEST, Manifest, ModelUri, Version, whole_versions
from sdp_serving.contract.components import Component
from sdp_serving.contract.exported import exported_signatures
from sdp_serving.contract.tokenizer import Tokenizer

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)

LOAD_AND_CALL = """
import json, sys
import tensorflow as tf

inputs = {
    "text-encoder": {"tokens": tf.range(77), "batch_size": tf.constant(2)},
    "diffusion-model": {
        "context": tf.ones([1, 77, 6]),
        "unconditional_context": tf.ones([1, 77, 6]),
        "num_steps": tf.constant(30),
        "batch_size": tf.constant(2),
    },
    "decoder": {"latent": tf.zeros([2, 2, 2, 4])},
    "image-encoder": {"images": tf.zeros([2, 16, 16, 3])},
}
texts = {"prompts": tf.constant(["a cat", "café &amp; 😂"]), "negative_prompts": tf.constant(["", ""])}
answers = {}
for component, folder in json.loads(sys.argv[1]).items():
    signatures = tf.saved_model.load(folder).signatures
    outputs = signatures["serving_default"](**inputs[component])
    answers[component] = {name: [tensor.dtype.name, tensor.shape.as_list()] for name, tensor in outputs.items()}
    if component == "text-encoder":
        answers["tokens"] = signatures["encode_prompts"](**texts)["context"][:, :8, 0].numpy().tolist()
print(json.dumps(answers))
"""


class Recorder:
    """What an observer is told, as words."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def entered(self, request: Request, stage: Stage) -> None:
        self.told.append(stage)

    def uploading(self, request: Request, size: int) -> Progress:
        self.told.append(f"{size} bytes")
        return lambda stored: None

    def exported(self, exported: Exported) -> None:
        self.told.append(f"{'new' if exported.is_new else 'unchanged'} {exported.uri}")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_text("1.0")
    return path


@pytest.fixture
def base(bucket: Bucket) -> str:
    return f"gs://{bucket.name}/sd-toy"


def request_for(component: Component, weights: Path, base: str) -> Request:
    return Request(toy_source(component, weights), ModelUri.parse(f"{base}/{component}"))


def run(requests: Sequence[Request], now: datetime = NOW) -> tuple[list[ModelUri], list[str]]:
    recorder = Recorder()
    exported = export(requests, clock=lambda: now, observer=recorder)
    return [one.uri for one in exported], recorder.told


def test_a_fresh_process_gets_answers_from_every_component(tmp_path: Path, weights: Path) -> None:
    uris, _ = run([request_for(component, weights, f"file://{tmp_path}/out") for component in Component])
    folders = {component: f"{uri.location}/{uri.version}" for component, uri in zip(Component, uris, strict=True)}
    program = [sys.executable, "-c", LOAD_AND_CALL, json.dumps(folders)]
    answers: Any = json.loads(subprocess.run(program, check=True, capture_output=True, text=True).stdout)
    side = IMAGE_SIZE // 8
    assert answers == {
        "text-encoder": {name: ["float32", [2, 77, WIDTH]] for name in ("context", "unconditional_context")},
        "diffusion-model": {"latent": ["float32", [2, side, side, 4]]},
        "decoder": {"images": ["uint8", [2, IMAGE_SIZE, IMAGE_SIZE, 3]]},
        "image-encoder": {"latent": ["float32", [2, side, side, 4]]},
        "tokens": [Tokenizer().encode(prompt)[:8] for prompt in ("a cat", "café & 😂")],
    }


@pytest.mark.parametrize("component", Component)
def test_the_manifest_says_what_was_exported(component: Component, weights: Path, base: str, bucket: Bucket) -> None:
    (uri,), _ = run([request_for(component, weights, base)])
    stored = bucket.blob(f"sd-toy/{component}/{uri.version}/{MANIFEST}").download_as_bytes()
    manifest = Manifest.model_validate_json(stored)
    assert manifest.component is component
    assert (manifest.version, manifest.created) == (int(NOW.timestamp() * 1000), NOW)
    assert (manifest.sd_version, manifest.width, manifest.image_size) == ("toy", WIDTH, IMAGE_SIZE)
    assert manifest.signatures == exported_signatures(component, width=WIDTH, image_size=IMAGE_SIZE)


def test_the_same_model_is_not_exported_twice(weights: Path, base: str) -> None:
    request = request_for(Component.DECODER, weights, base)
    (first,), told_first = run([request])
    (second,), told_second = run([request], NOW + timedelta(days=1))
    *stages, size, last = told_first
    assert (stages, last) == (["build", "trace", "save", "upload"], f"new {first}")
    assert size.endswith(" bytes")
    assert told_second == [f"unchanged {first}"]
    assert second == first


def test_other_weights_become_a_newer_version(weights: Path, base: str) -> None:
    request = request_for(Component.DECODER, weights, base)
    (first,), _ = run([request])
    weights.write_text("2.0")
    (second,), _ = run([request], NOW - timedelta(days=1))
    assert second.version is not None
    assert first.version is not None
    assert second.version > first.version, "although the clock was set back"


def test_a_version_that_another_exporter_takes_meanwhile_is_left_to_it(
    weights: Path, base: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = int(NOW.timestamp() * 1000)
    look = GcsStore.taken

    def look_too_early(store: GcsStore) -> Sequence[Version]:
        seen = look(store)
        if not seen:
            bucket.blob(f"sd-toy/decoder/{version}/fingerprint.pb").upload_from_string("another's")
        return seen

    monkeypatch.setattr(GcsStore, "taken", look_too_early)
    (uri,), _ = run([request_for(Component.DECODER, weights, base)])
    assert uri.version == version + 1
    assert whole_versions(blob.name.removeprefix("sd-toy/decoder/") for blob in bucket.list_blobs()) == [version + 1]
    assert bucket.blob(f"sd-toy/decoder/{version}/fingerprint.pb").download_as_bytes() == b"another's"


def test_a_model_that_breaks_the_contract_is_not_published(weights: Path, base: str, bucket: Bucket) -> None:
    source = dataclasses.replace(toy_source(Component.DECODER, weights), image_size=2 * IMAGE_SIZE)
    with pytest.raises(BrokenExportError, match=r"the exported decoder breaks the contract.*images is uint8"):
        run([Request(source, ModelUri.parse(f"{base}/decoder"))])
    assert list(bucket.list_blobs()) == []
