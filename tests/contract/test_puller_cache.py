"""The node's cache: what one pod has fetched, the next ones need not."""

import errno
import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from tests.support.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.support.pulling import SHARD, VERSION, Puller, Run, artifact, upload, write

from sdp_serving.contract.artifact import MANIFEST, ModelUri
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure
from sdp_serving.puller import copying
from sdp_serving.puller.bring import bring
from sdp_serving.puller.cache import Cache
from sdp_serving.puller.inspection import inspect
from sdp_serving.puller.judgement import Wanted
from sdp_serving.puller.storage import open_storage

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

LARGE = b"weights " * (1 << 17)
SIZE = sum(len(content) for path, content in artifact().items() if path != MANIFEST)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def pod(tmp_path: Path, cache: Path) -> Callable[..., Run]:
    """Pulls a model in a pod of the given name."""

    def pull(name: str, uri: str, limit: int | None = None) -> Run:
        (tmp_path / name).mkdir(exist_ok=True)
        options = [f"--cache={cache}"] + ([] if limit is None else [f"--cache-bytes={limit}"])
        return Puller(tmp_path / name).fetch(uri, *options)

    return pull


@pytest.fixture
def proxy(storage_emulator: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    with fault_proxy(lambda path: storage_emulator + path) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
        yield proxy


Pod = Callable[..., Run]


def models(tmp_path: Path, *names: str) -> list[str]:
    """Models of one size each in storage; their URIs."""
    return [write(tmp_path / "storage" / name, artifact()) for name in names]


def held(cache: Path) -> int:
    """How many models the cache has."""
    return sum(entry.is_dir() for entry in cache.iterdir())


@pytest.mark.parametrize("way", ["link", "copy"])
def test_the_next_pod_on_the_node_fetches_nothing(
    bucket: "Bucket", proxy: FaultProxy, pod: Pod, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "copy":
        monkeypatch.setattr(copying, "_linked", lambda *_: False)
    uri = upload(bucket, artifact())
    assert pod("one", uri).laid() == artifact()
    proxy.asked.clear()

    run = pod("two", f"{uri}/{VERSION}")

    assert run.code == 0, run.said
    assert run.laid() == artifact()
    assert "taken from the cache" in run.said
    assert not proxy.ranges("variables")


def test_a_model_that_was_exported_anew_under_the_same_uri_is_fetched(tmp_path: Path, pod: Pod) -> None:
    [uri] = models(tmp_path, "a")
    pod("one", uri)
    other = artifact(shard=b"WEIGHTS " * 1000)
    write(tmp_path / "storage" / "a", other)

    assert pod("two", uri).laid() == other


@pytest.mark.parametrize("damage", ["a wrong byte", "a missing file", "a short file"])
@pytest.mark.parametrize("way", ["link", "copy"])
def test_a_damaged_model_is_fetched_again(
    tmp_path: Path, cache: Path, pod: Pod, monkeypatch: pytest.MonkeyPatch, damage: str, way: str
) -> None:
    if way == "copy":
        monkeypatch.setattr(copying, "_linked", lambda *_: False)
    [uri] = models(tmp_path, "a")
    pod("one", uri)
    [shard] = cache.rglob("variables.data*")
    content = shard.read_bytes()
    shard.unlink()
    if damage != "a missing file":
        shard.write_bytes(b"W" + content[1:] if damage == "a wrong byte" else content[:-1])

    run = pod("two", uri)

    assert run.laid() == artifact()
    assert f"the cache's copy is damaged ({SHARD}): fetching it again" in run.said
    assert "taken from the cache" in pod("three", uri).said


def test_the_model_that_was_not_asked_for_for_the_longest_time_goes(tmp_path: Path, cache: Path, pod: Pod) -> None:
    a, b, c = models(tmp_path, "a", "b", "c")
    limit = 3 * SIZE - 1
    for number, uri in enumerate([a, b, a, c]):
        assert pod(f"pod-{number}", uri, limit).code == 0

    assert held(cache) == 2
    assert "taken from the cache" in pod("again-c", c, limit).said
    assert "taken from the cache" in pod("again-a", a, limit).said
    assert "taken from the cache" not in pod("again-b", b, limit).said


def test_a_model_that_another_pod_works_on_is_never_removed(tmp_path: Path, cache: Path, pod: Pod) -> None:
    a, b = models(tmp_path, "a", "b")
    pod("one", a, SIZE)
    [lock] = cache.glob("[!.]*.lock")
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        run = pod("two", b, SIZE)

    assert run.laid() == artifact()
    assert "has no room for 0.0 MiB: going on without it" in run.said
    assert "taken from the cache" in pod("three", a, SIZE).said


def test_a_model_that_is_larger_than_the_cache_goes_past_it(tmp_path: Path, cache: Path, pod: Pod) -> None:
    [uri] = models(tmp_path, "a")

    run = pod("one", uri, SIZE - 1)

    assert run.laid() == artifact()
    assert held(cache) == 0


def test_what_a_killed_puller_has_left_is_removed_when_room_is_needed(tmp_path: Path, cache: Path, pod: Pod) -> None:
    a, b = models(tmp_path, "a", "b")
    pod("one", a, 2 * SIZE)
    [entry] = (path for path in cache.iterdir() if path.is_dir())
    entry.rename(entry.with_name(f"{entry.name}.partial"))

    assert pod("two", b, SIZE + 2000).code == 0

    assert held(cache) == 1
    assert "taken from the cache" in pod("three", b, SIZE + 2000).said


def test_pods_that_want_one_model_at_once_fetch_it_once(bucket: "Bucket", proxy: FaultProxy, tmp_path: Path) -> None:
    uri = ModelUri.parse(upload(bucket, artifact()))
    waiting = threading.Event()
    proxy.faults = [Fault(of="variables.data", before=lambda: waiting.wait(60))]
    storage = open_storage(uri, patience=20)
    found = inspect(storage, uri, Wanted(Component.DIFFUSION_MODEL))
    brought: list[Path] = []

    def say(line: str) -> None:
        if line.startswith("waiting for another puller"):
            waiting.set()

    def one(name: str) -> None:
        bring(storage, found, tmp_path / name, cache=Cache(tmp_path / "cache"), say=say)
        brought.append(tmp_path / name)

    threads = [threading.Thread(target=one, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(brought) == 2
    assert len(proxy.ranges("variables.data")) == 1
    assert all((folder / SHARD).read_bytes() == artifact()[SHARD] for folder in brought)


def test_a_cache_that_cannot_be_written_is_said_once_and_gone_without(tmp_path: Path, cache: Path, pod: Pod) -> None:
    cache.symlink_to("/proc/no/such/folder")

    run = pod("one", *models(tmp_path, "a"))

    assert run.laid() == artifact()
    assert run.said.count(f"the cache {cache} cannot be used") == 1


def test_a_cache_whose_disk_is_full_is_gone_without(
    tmp_path: Path, cache: Path, pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    [uri] = models(tmp_path, "a")

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("sdp_serving.puller.cache.allot", full)

    run = pod("one", uri)

    assert run.laid() == artifact()
    assert "cannot be used (No space left on device): going on without it" in run.said
    assert held(cache) == 0


def free(monkeypatch: pytest.MonkeyPatch, size: Callable[[], int]) -> None:
    """Let every disk say that it has as many free bytes."""
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((1, 1, 0, 0, size(), 0, 0, 0, 0, 255)))


def test_a_full_disk_is_freed_of_models_that_nobody_asks_for(
    tmp_path: Path, cache: Path, pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = models(tmp_path, "a", "b")
    pod("one", a)
    shutil.rmtree(tmp_path / "one")
    free(monkeypatch, lambda: SIZE if held(cache) > 1 else 2 * SIZE)

    run = pod("two", b)

    assert run.laid() == artifact()
    assert held(cache) == 1
    assert "taken from the cache" in pod("three", b).said


@pytest.mark.parametrize("pods", ["gone", "there"])
def test_for_a_model_that_does_not_fit_all_the_same_no_other_is_removed(
    tmp_path: Path, cache: Path, pod: Pod, monkeypatch: pytest.MonkeyPatch, pods: str
) -> None:
    for name, uri in zip(("one", "two"), models(tmp_path, "a", "b"), strict=True):
        pod(name, uri)
        if pods == "gone":
            shutil.rmtree(tmp_path / name)
    large = write(tmp_path / "storage" / "large", artifact(shard=LARGE))
    free(monkeypatch, lambda: 0)

    failure = pod("three", large).failure()

    assert failure.reason is PullFailure.DISK_FULL
    assert held(cache) == 2


def test_a_full_disk_is_freed_for_a_pod_where_the_cache_itself_can_have_no_model_more(
    tmp_path: Path, cache: Path, pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = (write(tmp_path / "storage" / name, artifact(shard=LARGE)) for name in "ab")
    pod("one", a)
    shutil.rmtree(tmp_path / "one")
    free(monkeypatch, lambda: 0 if held(cache) else len(LARGE) + 10_000)

    run = pod("two", b)

    assert run.laid() == artifact(shard=LARGE)
    assert "has no room for 1.0 MiB: going on without it" in run.said
    assert held(cache) == 0


def test_what_the_storage_says_is_told_with_a_cache_too(tmp_path: Path, cache: Path, pod: Pod) -> None:
    files = artifact()
    files[SHARD] = b"W" + files[SHARD][1:]

    run = pod("one", write(tmp_path / "storage", files))

    assert run.failure().reason is PullFailure.CORRUPT
    assert held(cache) == 0


def test_a_cache_that_is_removed_meanwhile_begins_anew(tmp_path: Path, cache: Path, pod: Pod) -> None:
    [uri] = models(tmp_path, "a")
    pod("one", uri)
    shutil.rmtree(cache)

    assert pod("two", uri).laid() == artifact()
    assert held(cache) == 1
