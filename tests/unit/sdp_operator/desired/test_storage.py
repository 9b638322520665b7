from pathlib import PurePosixPath

import pytest

from sdp_operator.api.v1alpha1 import Storage
from sdp_operator.desired.storage import storage_env, storage_mounts, storage_volumes
from sdp_operator.settings import Settings

BUCKET = ("gs",)
FOLDER = ("file",)
KEY = Storage(secret_name="bucket-key")
PLAIN = Settings()
LOCAL = Settings(local_files_root=PurePosixPath("/srv/models"), storage_emulator_host="http://emulator:4443")


@pytest.mark.parametrize("storage", [None, Storage(), Storage(service_account_name="reader")])
def test_a_bucket_without_a_key_needs_nothing(storage: Storage | None) -> None:
    assert storage_env(BUCKET, storage, PLAIN) == []
    assert storage_mounts(BUCKET, storage, PLAIN) == []
    assert storage_volumes(BUCKET, storage, PLAIN) == []


def test_the_key_is_where_the_library_is_told_to_look() -> None:
    (env,) = storage_env(BUCKET, KEY, PLAIN)
    (mount,) = storage_mounts(BUCKET, KEY, PLAIN, writable=True)
    (volume,) = storage_volumes(BUCKET, KEY, PLAIN)
    assert env == {"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": f"{mount['mountPath']}/key.json"}
    assert mount["readOnly"] is True
    assert volume == {"name": mount["name"], "secret": {"secretName": "bucket-key", "optional": True}}


def test_a_folder_needs_no_key() -> None:
    assert [one["name"] for one in storage_env(FOLDER, KEY, LOCAL)] == ["STORAGE_EMULATOR_HOST"]
    (volume,) = storage_volumes(FOLDER, KEY, LOCAL)
    assert volume["hostPath"] == {"path": "/srv/models", "type": "Directory"}


@pytest.mark.parametrize(("writable", "more"), [(False, {"readOnly": True}), (True, {})])
def test_a_folder_is_written_only_by_whoever_must(writable: bool, more: dict[str, bool]) -> None:
    (volume,) = storage_volumes(FOLDER, None, LOCAL)
    (mount,) = storage_mounts(FOLDER, None, LOCAL, writable=writable)
    assert mount == {"name": volume["name"], "mountPath": "/srv/models", **more}


def test_whoever_writes_a_folder_and_reads_a_bucket_has_both() -> None:
    volumes = storage_volumes([*FOLDER, *BUCKET], KEY, LOCAL)
    assert [next(kind for kind in one if kind != "name") for one in volumes] == ["hostPath", "secret"]
    assert len(storage_mounts([*FOLDER, *BUCKET], KEY, LOCAL, writable=True)) == 2
