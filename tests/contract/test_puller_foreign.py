"""The puller on SavedModels that TensorFlow wrote and no manifest describes, as notebooks leave them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.pulling import INDEX, SHARD, Puller, upload, write
from tests.support.toy_models import IMAGE_SIZE, WIDTH, toy_source

from sdp_serving.contract.artifact import SAVED_MODEL
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

DIFFUSION, ENCODER, DECODER = Component.DIFFUSION_MODEL, Component.TEXT_ENCODER, Component.DECODER


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[Component, dict[str, bytes]]:
    """Each component's files, as tf.saved_model.save writes them."""
    from sdp_exporter import saved_model

    folder = tmp_path_factory.mktemp("saved")
    (folder / "weights").write_text("0.5")
    for component in Component:
        saved_model.write(toy_source(component, folder / "weights"), folder / component)
    return {
        component: {
            path.relative_to(folder / component).as_posix(): path.read_bytes()
            for path in (folder / component).rglob("*")
            if path.is_file()
        }
        for component in Component
    }


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


@pytest.mark.parametrize(
    ("component", "width", "image_size"),
    [
        (ENCODER, WIDTH, None),
        (DIFFUSION, WIDTH, IMAGE_SIZE),
        (DECODER, None, IMAGE_SIZE),
        (Component.IMAGE_ENCODER, None, IMAGE_SIZE),
    ],
)
def test_it_is_taken_on_its_signatures(
    bucket: "Bucket",
    puller: Puller,
    saved: dict[Component, dict[str, bytes]],
    component: Component,
    width: int | None,
    image_size: int | None,
) -> None:
    import tensorflow as tf

    uri = upload(bucket, saved[component], version=7, prefix="notebooks/fine-tuned")

    run = puller.fetch(uri, component=component)

    pulled = run.pulled()
    assert run.laid() == saved[component]
    assert (pulled.uri, pulled.version, pulled.weights) == (f"{uri}/7", 7, "notebooks/fine-tuned")
    assert (pulled.width, pulled.image_size, pulled.sd_version) == (width, image_size, "unknown")
    assert pulled.tensorflow == tf.__version__


def test_the_same_files_are_the_same_model(
    bucket: "Bucket", puller: Puller, saved: dict[Component, dict[str, bytes]]
) -> None:
    other = {**saved[DECODER], SHARD: bytes(len(saved[DECODER][SHARD]))}
    uris = [
        upload(bucket, files, version=1, prefix=f"sd/{name}")
        for name, files in {"one": saved[DECODER], "two": saved[DECODER], "other": other}.items()
    ]

    one, two, another = (
        puller.fetch(uri, component=DECODER, number=number).pulled().source_digest
        for number, uri in enumerate(uris, start=1)
    )

    assert one == two != another


def test_a_folder_with_one_is_as_good(tmp_path: Path, puller: Puller, saved: dict[Component, dict[str, bytes]]) -> None:
    run = puller.fetch(write(tmp_path / "storage", saved[DECODER], version=1), component=DECODER)

    assert run.code == 0, run.said
    assert run.laid() == saved[DECODER]
    assert "already at" in puller.fetch(f"file://{tmp_path}/storage", component=DECODER).said


def test_a_claim_with_one_is_as_good(tmp_path: Path, puller: Puller, saved: dict[Component, dict[str, bytes]]) -> None:
    write(tmp_path / "claim", saved[DECODER], version=1)

    assert puller.verify("pvc://claim", tmp_path / "claim", component=DECODER).pulled().uri == "pvc://claim/1"


@pytest.mark.parametrize("there", Component)
@pytest.mark.parametrize("asked", Component)
def test_another_component_is_refused_by_name(
    tmp_path: Path, puller: Puller, saved: dict[Component, dict[str, bytes]], there: Component, asked: Component
) -> None:
    run = puller.fetch(write(tmp_path / "storage", saved[there], version=1), component=asked)

    if asked is there:
        assert run.code == 0, run.said
        return
    failure = run.failure()
    assert failure.reason is PullFailure.WRONG_COMPONENT
    assert f"is a {there} by its signature, asked for as {asked}: give the URI of a {asked}" in failure.message


@pytest.mark.parametrize(
    ("component", "option", "reason", "words"),
    [
        (
            DIFFUSION,
            "--sd-version=1.5",
            PullFailure.WRONG_STABLE_DIFFUSION,
            f"(a context {WIDTH} wide), in a pipeline of version 1.5 (768 wide)",
        ),
        (
            DECODER,
            "--image-size=512x512",
            PullFailure.WRONG_STABLE_DIFFUSION,
            f"is for images of {IMAGE_SIZE}x{IMAGE_SIZE} pixels",
        ),
        (
            DECODER,
            "--server-tensorflow=2.10",
            PullFailure.NEWER_TENSORFLOW,
            "and the model server's is 2.10",
        ),
        (ENCODER, "--batching", PullFailure.NOT_BATCHABLE, "takes single numbers (batch_size)"),
    ],
)
def test_one_that_does_not_suit_the_pipeline_or_the_server_is_refused(
    tmp_path: Path,
    puller: Puller,
    saved: dict[Component, dict[str, bytes]],
    component: Component,
    option: str,
    reason: PullFailure,
    words: str,
) -> None:
    failure = puller.fetch(write(tmp_path / "storage", saved[component]), option, component=component).failure()

    assert failure.reason is reason
    assert words in failure.message


@pytest.mark.parametrize("missing", [INDEX, SHARD])
def test_one_that_is_not_all_there_is_waited_for(
    tmp_path: Path, puller: Puller, saved: dict[Component, dict[str, bytes]], missing: str
) -> None:
    files = {path: content for path, content in saved[DECODER].items() if path != missing}

    failure = puller.fetch(write(tmp_path / "storage", files), component=DECODER).failure()

    assert failure.reason is PullFailure.MODEL_INCOMPLETE
    assert "lacks some of its variables/" in failure.message


def test_a_graph_that_is_too_large_to_be_one_is_not_read(
    tmp_path: Path, puller: Puller, saved: dict[Component, dict[str, bytes]]
) -> None:
    uri = write(tmp_path / "storage", saved[DECODER], version=1)
    graph = tmp_path / "storage" / "1" / SAVED_MODEL
    # With nothing on the disk behind it; more than there is memory anywhere.
    os.truncate(graph, 1 << 42)

    failure = puller.fetch(uri, component=DECODER).failure()

    assert failure.reason is PullFailure.CORRUPT
    assert "its saved_model.pb is larger than 128 MiB: save the model with its weights in variables/" in failure.message


@pytest.mark.parametrize("content", [b"", b"\xff\xff\xff", b"text"])
def test_what_is_no_saved_model_is_damaged(
    tmp_path: Path, puller: Puller, saved: dict[Component, dict[str, bytes]], content: bytes
) -> None:
    files = {**saved[DECODER], SAVED_MODEL: content}

    failure = puller.fetch(write(tmp_path / "storage", files), component=DECODER).failure()

    assert failure.reason is PullFailure.CORRUPT
    assert f"its {SAVED_MODEL} holds no model for serving" in failure.message
