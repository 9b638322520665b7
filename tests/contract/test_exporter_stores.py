"""How a version comes into each kind of store: whole or not at all, and never mixed with another exporter's."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import BinaryIO

import pytest
from google.cloud.storage import Blob, Bucket, Client
from tests.support.artifacts import FILES, manifest, saved_model
from tests.support.upload_faults import Fault, upload_line

from sdp_exporter.errors import StoreError, StoreRefusedError, StoreUnavailableError, VersionTakenError
from sdp_exporter.stores import Progress, Store, open_store
from sdp_serving.contract.artifact import MANIFEST, Manifest, ModelUri, Version, whole_versions


@pytest.fixture(params=["gs", "file"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> ModelUri:
    if request.param == "gs":
        bucket = request.getfixturevalue("bucket")
        return ModelUri.parse(f"gs://{bucket.name}/sd/decoder")
    return ModelUri.parse(f"file://{tmp_path}/sd/decoder")


@pytest.fixture
def store(uri: ModelUri) -> Store:
    return open_store(uri)


def publish(store: Store, folder: Path, version: int, digest: str = "0" * 64) -> Manifest:
    published = manifest(folder, version, digest)
    bring(store, folder, published)
    return published


def bring(store: Store, folder: Path, published: Manifest, progress: Progress = lambda size: None) -> None:
    with store.bringing(folder, published.files, progress) as publish:
        publish(published)


def stored(uri: ModelUri, version: int) -> dict[str, str]:
    """What the store holds of a version: the model's files and their content."""
    if uri.scheme == "file":
        return {path: Path(uri.location, str(version), path).read_text() for path in FILES}
    bucket, _, prefix = uri.location.partition("/")
    blobs = {path: Client(project="tests").bucket(bucket).blob(f"{prefix}/{version}/{path}") for path in FILES}
    return {path: blob.download_as_text() for path, blob in blobs.items()}


def contents(folder: Path) -> dict[str, str]:
    return {path: (folder / path).read_text() for path in FILES}


def names(bucket: Bucket) -> list[str]:
    return [blob.name.removeprefix("sd/decoder/") for blob in bucket.list_blobs()]


def test_a_place_without_versions_has_no_newest(store: Store) -> None:
    assert store.newest() is None
    assert store.taken() == []


def test_the_newest_version_is_found_by_its_number(store: Store, tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "model")
    for version in (9, 100, 20):
        publish(store, folder, version)
    newest = store.newest()
    assert newest is not None
    assert newest.version == 100
    assert store.taken() == [9, 20, 100]


def test_a_place_is_found_to_be_writable_without_a_trace(store: Store, uri: ModelUri, tmp_path: Path) -> None:
    store.require_writable()
    assert list(tmp_path.iterdir()) == []
    assert store.taken() == []
    if uri.scheme == "gs":
        assert names(Client(project="tests").bucket(uri.location.partition("/")[0])) == []


def test_a_bucket_that_is_not_there_is_told_before_anything_is_brought(storage_emulator: str) -> None:
    with pytest.raises(StoreRefusedError, match="the bucket gs://no-such-bucket does not exist: create it"):
        open_store(ModelUri.parse("gs://no-such-bucket/sd")).require_writable()


def test_a_folder_is_no_version_whose_name_is_no_number_as_the_exporter_writes_it(
    store: Store, uri: ModelUri, tmp_path: Path
) -> None:
    publish(store, saved_model(tmp_path / "model"), 123)
    if uri.scheme == "file":
        Path(uri.location, "0123").mkdir()
    else:
        bucket, _, prefix = uri.location.partition("/")
        Client(project="tests").bucket(bucket).blob(f"{prefix}/0123/saved_model.pb").upload_from_string("")
    assert store.taken() == [123]
    assert len(store.versions()) == 1


def test_what_is_stored_is_what_was_saved(store: Store, uri: ModelUri, tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "model")
    publish(store, folder, 7)
    assert stored(uri, 7) == contents(folder)


def test_progress_is_told_every_byte(store: Store, tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "model")
    stored: list[int] = []
    bring(store, folder, manifest(folder, 1), stored.append)
    assert sum(stored) == sum((folder / path).stat().st_size for path in FILES)


def test_a_version_that_is_there_is_left_as_it_is(store: Store, uri: ModelUri, tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "first")
    first = publish(store, folder, 7, "1" * 64)
    with pytest.raises(VersionTakenError):
        publish(store, saved_model(tmp_path / "second", "other content"), 7, "2" * 64)
    assert store.newest() == first
    assert stored(uri, 7) == contents(folder)


def test_of_many_exporters_racing_for_a_version_one_wins_whole(uri: ModelUri, tmp_path: Path) -> None:
    racers = 8
    folders = [saved_model(tmp_path / str(number), f"content {number}") for number in range(racers)]
    together = threading.Barrier(racers)

    def race(number: int) -> bool:
        store = open_store(uri)
        together.wait()
        try:
            publish(store, folders[number], 7, str(number) * 64)
        except VersionTakenError:
            return False
        return True

    with ThreadPoolExecutor(racers) as pool:
        won = list(pool.map(race, range(racers)))
    assert won.count(True) == 1
    winner = won.index(True)
    assert open_store(uri).newest() == manifest(folders[winner], 7, str(winner) * 64)
    assert stored(uri, 7) == contents(folders[winner])


def test_the_manifest_is_stored_before_last_and_the_saved_model_last(bucket: Bucket, tmp_path: Path) -> None:
    publish(open_store(ModelUri.parse(f"gs://{bucket.name}/sd/decoder")), saved_model(tmp_path), 7)
    created = sorted((blob.time_created, blob.name) for blob in bucket.list_blobs())
    order = [name.removeprefix("sd/decoder/7/") for _, name in created]
    assert order[-2:] == [MANIFEST, "saved_model.pb"]
    assert sorted(order) == sorted([*FILES, MANIFEST])


@pytest.mark.parametrize("lost", FILES)
def test_an_upload_that_dies_leaves_nothing_to_serve_and_the_next_goes_past_it(
    bucket: Bucket, tmp_path: Path, lost: str
) -> None:
    store = open_store(ModelUri.parse(f"gs://{bucket.name}/sd/decoder"))
    old = publish(store, saved_model(tmp_path / "old"), 6)
    folder = saved_model(tmp_path / "new")
    dying = manifest(folder, 7)
    (folder / lost).unlink()
    with pytest.raises(FileNotFoundError):
        bring(store, folder, dying)
    assert whole_versions(names(bucket)) == [6]
    assert store.newest() == old
    publish(store, saved_model(tmp_path / "again"), 8)
    assert whole_versions(names(bucket)) == [6, 8]


def test_versions_of_dead_uploads_are_taken(bucket: Bucket) -> None:
    bucket.blob("sd/decoder/7/variables/variables.index").upload_from_string("")
    assert open_store(ModelUri.parse(f"gs://{bucket.name}/sd/decoder")).taken() == [Version(7)]


def test_a_request_that_is_repeated_because_its_answer_was_lost_knows_its_own_object(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = Blob.upload_from_file

    def upload_twice(blob: Blob, file_obj: BinaryIO, **options: object) -> None:
        upload(blob, file_obj, **options)
        file_obj.seek(0)
        upload(blob, file_obj, **options)

    monkeypatch.setattr(Blob, "upload_from_file", upload_twice)
    store = open_store(ModelUri.parse(f"gs://{bucket.name}/sd/decoder"))
    assert publish(store, saved_model(tmp_path), 7) == store.newest()


def test_a_file_that_changed_since_it_was_described_is_not_published(bucket: Bucket, tmp_path: Path) -> None:
    store = open_store(ModelUri.parse(f"gs://{bucket.name}/sd/decoder"))
    folder = saved_model(tmp_path)
    described = manifest(folder, 7)
    (folder / "variables" / "variables.index").write_text("changed")
    with pytest.raises(StoreError, match="stored damaged: export again"):
        bring(store, folder, described)
    assert store.newest() is None


@pytest.mark.parametrize("faults", [["cut", 503], ["unheard", "unheard"], [429, 500]])
def test_what_happens_on_the_way_is_made_good(
    bucket: Bucket, storage_emulator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: list[Fault]
) -> None:
    folder = saved_model(tmp_path)
    with upload_line(storage_emulator) as line:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", line.url)
        line.faults.extend(faults)
        store = open_store(ModelUri.parse(f"gs://{bucket.name}/sd/decoder"))
        published = publish(store, folder, 7)
        assert line.faults == []
        assert store.newest() == published
        assert store.checksums(Version(7)) == published.files
    assert len(names(bucket)) == len(FILES) + 1, "no part is left"


def test_what_arrives_damaged_is_not_taken_up_again(
    bucket: Bucket, storage_emulator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved_model(tmp_path)
    with upload_line(storage_emulator) as line:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", line.url)
        line.faults.append("damaged")
        store = open_store(ModelUri.parse(f"gs://{bucket.name}/sd/decoder"))
        with pytest.raises(StoreError, match="stored damaged: export again"):
            publish(store, folder, 7)
        assert store.versions() == []
        published = publish(store, folder, 8)
        assert store.checksums(Version(8)) == published.files


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (400, "refused a request"),
        (403, r"no permission to read and write gs://.*roles/storage.objectUser"),
        (404, r"the bucket gs://.* does not exist: create it"),
    ],
)
def test_an_upload_that_is_refused_says_so_in_one_sentence(
    bucket: Bucket, storage_emulator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, sentence: str
) -> None:
    with upload_line(storage_emulator) as line:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", line.url)
        line.faults.append(status)
        with pytest.raises(StoreRefusedError, match=sentence):
            publish(open_store(ModelUri.parse(f"gs://{bucket.name}/sd/decoder")), saved_model(tmp_path), 7)
    assert whole_versions(names(bucket)) == []


def test_exporters_of_the_same_model_share_what_they_upload_and_all_are_whole(uri: ModelUri, tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "model")
    racers = 3
    together, numbers = threading.Barrier(racers), count(1)

    def export() -> int:
        store = open_store(uri)
        described = manifest(folder, 1)
        with store.bringing(folder, described.files, lambda size: None) as bring_out:
            for version in numbers:
                try:
                    bring_out(manifest(folder, version))
                except VersionTakenError:  # what was uploaded is deleted: another one has published it
                    continue
                return version
        raise AssertionError("numbers do not end")

    def race(_: int) -> int:
        together.wait()
        while True:
            # The emulator answers 500 where an object is deleted while it is read; who is told so runs again.
            with suppress(StoreUnavailableError):
                return export()

    with ThreadPoolExecutor(racers) as pool:
        published = sorted(pool.map(race, range(racers)))
    store = open_store(uri)
    assert [one.version for one in store.versions() if one.is_whole] == published
    assert all(store.checksums(Version(version)) == manifest(folder, version).files for version in published)


def test_a_version_is_deleted_with_all_its_files_and_no_other(store: Store, uri: ModelUri, tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "model")
    for version in (1, 10):
        publish(store, folder, version)
    store.delete(Version(1))
    (left,) = store.versions()
    assert (left.version, left.is_whole) == (10, True)
    assert stored(uri, 10) == contents(folder)


def test_leftovers_of_dead_exports_are_deleted_once_they_are_old(bucket: Bucket, tmp_path: Path) -> None:
    store = open_store(ModelUri.parse(f"gs://{bucket.name}/sd/decoder"))
    published = publish(store, saved_model(tmp_path / "model"), 7)
    with pytest.raises(KeyboardInterrupt), store.bringing(tmp_path / "model", published.files, lambda size: None):
        raise KeyboardInterrupt
    begun = datetime.now(UTC)
    assert store.delete_leftovers(begun - timedelta(days=1)) == 0
    assert store.delete_leftovers(begun + timedelta(days=1)) > 0
    assert all(name.startswith("7/") for name in names(bucket))


def test_a_large_file_is_stored_whole(bucket: Bucket, tmp_path: Path) -> None:
    folder = saved_model(tmp_path)
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(b"0123456789" * 1_000_000)
    store = open_store(ModelUri.parse(f"gs://{bucket.name}/sd/decoder"))
    assert publish(store, folder, 7) == store.newest()


def test_a_missing_bucket_is_named_with_what_to_do(storage_emulator: str) -> None:
    with pytest.raises(StoreError, match=r"the bucket gs://not-there does not exist: correct the URI"):
        open_store(ModelUri.parse("gs://not-there/sd/decoder")).newest()


def test_a_store_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    monkeypatch.setattr("sdp_exporter.stores.gcs_requests.READ_RETRY", None)
    with pytest.raises(StoreError, match=r"the storage emulator at http://127.0.0.1:1 .* cannot be reached: check"):
        open_store(ModelUri.parse("gs://bucket/sd/decoder")).newest()


def test_missing_credentials_are_named_with_the_command_that_gives_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(StoreError, match="no Google Cloud credentials were found: run `gcloud auth"):
        open_store(ModelUri.parse("gs://bucket/sd/decoder"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/decoder cannot be used: not a directory"):
        publish(open_store(ModelUri.parse(f"file://{tmp_path}/file/decoder")), saved_model(tmp_path / "model"), 7)


def test_a_folder_holds_nothing_but_whole_versions_after_an_interrupted_copy(tmp_path: Path) -> None:
    store = open_store(ModelUri.parse(f"file://{tmp_path}/decoder"))
    folder = saved_model(tmp_path / "model")

    def interrupt(size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(store, folder, manifest(folder, 7), interrupt)
    assert list((tmp_path / "decoder").iterdir()) == []
