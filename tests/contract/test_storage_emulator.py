"""What the exporter and the puller rely on in the emulator, as Google Cloud Storage has it."""

import pytest
from google.api_core.exceptions import PreconditionFailed
from google.cloud.storage import Bucket, Client


def test_an_object_is_created_once_when_the_upload_demands_that_it_is_new(bucket: Bucket) -> None:
    blob = bucket.blob("a/b")
    blob.upload_from_string(b"first", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        blob.upload_from_string(b"second", if_generation_match=0)
    assert blob.download_as_bytes() == b"first"


def test_a_resumable_upload_goes_back_to_the_host_that_the_client_used(bucket: Bucket, storage_emulator: str) -> None:
    through_another_name = storage_emulator.replace("127.0.0.1", "localhost")
    client = Client(project="tests", client_options={"api_endpoint": through_another_name})
    url = client.bucket(bucket.name).blob("big").create_resumable_upload_session()
    assert url.startswith(through_another_name)
