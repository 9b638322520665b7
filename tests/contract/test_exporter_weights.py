"""Weights on Google Cloud Storage, copied from the emulator."""

from pathlib import Path

import pytest
from google.cloud.storage import Bucket

from sdp_exporter.errors import StoreRefusedError, UnusableWeightsError
from sdp_exporter.weights import places
from sdp_serving.contract.components import Component

UNET = (Component.DIFFUSION_MODEL,)
CONTENT = bytes(range(256)) * 4096


def test_a_file_in_a_bucket_is_copied_whole(bucket: Bucket, tmp_path: Path) -> None:
    bucket.blob("tuned/my-unet.safetensors").upload_from_string(CONTENT)

    files = places.find(f"gs://{bucket.name}/tuned/my-unet.safetensors", UNET, tmp_path)

    assert files == {Component.DIFFUSION_MODEL: tmp_path / "my-unet.safetensors"}
    assert files[Component.DIFFUSION_MODEL].read_bytes() == CONTENT


def test_what_changes_weights_is_fetched_from_a_bucket_or_taken_where_it_is(bucket: Bucket, tmp_path: Path) -> None:
    bucket.blob("styles/one.safetensors").upload_from_string(CONTENT)

    copied = places.fetch(f"gs://{bucket.name}/styles/one.safetensors", tmp_path / "lora-0")

    assert copied == tmp_path / "lora-0" / "one.safetensors"
    assert copied.read_bytes() == CONTENT
    assert places.fetch(str(copied), tmp_path / "lora-1") == copied


def test_of_a_folder_in_a_bucket_only_what_is_wanted_is_copied(bucket: Bucket, tmp_path: Path) -> None:
    for name in ("unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"):
        bucket.blob(f"tuned/{name}").upload_from_string(name)
    bucket.blob("tuned/scheduler/scheduler_config.json").upload_from_string('{"prediction_type": "v_prediction"}')

    files = places.find(f"gs://{bucket.name}/tuned", UNET, tmp_path)
    scheduler = places.scheduler(f"gs://{bucket.name}/tuned/", tmp_path)

    assert files[Component.DIFFUSION_MODEL].read_text() == "unet/diffusion_pytorch_model.safetensors"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scheduler", "unet"]
    assert scheduler == tmp_path / "scheduler" / "scheduler_config.json"


def test_shards_in_a_bucket_are_copied_with_their_index(bucket: Bucket, tmp_path: Path) -> None:
    folder = bucket.blob("tuned/unet")
    bucket.blob(f"{folder.name}/one.safetensors").upload_from_string(CONTENT)
    bucket.blob(f"{folder.name}/other.safetensors").upload_from_string("not of the index")
    index = f"{folder.name}/diffusion_pytorch_model.safetensors.index.json"
    bucket.blob(index).upload_from_string('{"weight_map": {"a": "one.safetensors", "b": "one.safetensors"}}')

    files = places.find(f"gs://{bucket.name}/tuned", UNET, tmp_path)

    path = files[Component.DIFFUSION_MODEL]
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name, "one.safetensors"]
    assert (path.parent / "one.safetensors").read_bytes() == CONTENT


@pytest.mark.parametrize(("name", "message"), [("gone.safetensors", "does not exist"), ("gone", "holds no weights")])
def test_weights_that_are_not_in_the_bucket_are_named(name: str, message: str, bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(UnusableWeightsError, match=f"gs://{bucket.name}/{name} {message}"):
        places.find(f"gs://{bucket.name}/{name}", UNET, tmp_path)


def test_a_bucket_that_is_not_there_is_named(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(StoreRefusedError, match="gs://no-such-bucket"):
        places.find("gs://no-such-bucket/tuned", UNET, tmp_path)
