"""The puller on a storage where things go wrong: what it says, and that it never leaves a half model."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from tests.support.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.support.pulling import NUMBER, SHARD, VERSION, Puller, artifact, upload

from sdp_serving.contract.report import PullFailure
from sdp_serving.puller import http_body
from sdp_serving.puller.storage import Part

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

MIB = 1 << 20
LARGE = b"".join(number.to_bytes(8) for number in range(3 << 20))
"""24 MiB: a part of 16 and one of 8."""
MEDIA = "/download/"


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


@pytest.fixture
def proxy(storage_emulator: str) -> Iterator[FaultProxy]:
    with fault_proxy(lambda path: storage_emulator + path) as proxy:
        yield proxy


def through(proxy: FaultProxy) -> dict[str, str]:
    return {"STORAGE_EMULATOR_HOST": proxy.url}


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (403, PullFailure.ACCESS_DENIED, "grant the pod's service account roles/storage.objectViewer on the bucket"),
        (404, PullFailure.MODEL_INCOMPLETE, "was overwritten or removed while it was read"),
        (429, PullFailure.STORAGE_UNAVAILABLE, "(HTTP 429): check the network and try again"),
        (500, PullFailure.STORAGE_UNAVAILABLE, "(HTTP 500): check the network and try again"),
    ],
)
def test_a_storage_that_refuses_a_file_is_named_with_what_to_do(
    bucket: "Bucket", puller: Puller, proxy: FaultProxy, status: int, reason: PullFailure, words: str
) -> None:
    uri = upload(bucket, artifact())
    proxy.faults = [Fault(of="variables.data", status=status)]

    run = puller.fetch(uri, patience=1, env=through(proxy))

    failure = run.failure()
    assert failure.reason is reason
    assert words in failure.message
    assert uri in failure.message
    assert not (run.home / str(NUMBER)).exists()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_storage_that_recovers_is_waited_for(
    bucket: "Bucket", puller: Puller, proxy: FaultProxy, status: int
) -> None:
    uri = upload(bucket, artifact())
    proxy.faults = [Fault(of="", status=status, times=3), Fault(of=MEDIA, status=status, times=2)]

    run = puller.fetch(uri, env=through(proxy))

    assert run.code == 0, run.said
    assert run.laid() == artifact()


def test_a_cut_connection_goes_on_where_it_was_cut(bucket: "Bucket", puller: Puller, proxy: FaultProxy) -> None:
    files = artifact(shard=LARGE)
    uri = upload(bucket, files)
    proxy.faults = [Fault(of="variables.data", cut_after=3 * MIB, times=4)]

    run = puller.fetch(uri, env=through(proxy))

    assert run.code == 0, run.said
    assert run.laid() == files
    asked = proxy.ranges("variables.data")
    assert len(asked) == 2 + 4
    for begin, last in ((0, 16 * MIB - 1), (16 * MIB, 24 * MIB - 1)):
        starts = sorted(first for first, end in asked if end == last)
        assert starts == [begin + 3 * MIB * cuts for cuts in range(len(starts))]
    assert "24.0 of 24.0 MiB, 100 %" in run.said


@pytest.mark.parametrize("file", ["variables.data", "sdpipeline.json"])
def test_a_storage_that_drips_is_told_instead_of_waited_for(
    bucket: "Bucket", puller: Puller, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setattr(http_body, "_LEAST_SECONDS", 0.5)
    uri = upload(bucket, artifact())
    proxy.faults = [Fault(of=file, drips=True)]

    failure = puller.fetch(uri, patience=1, env=through(proxy)).failure()

    assert failure.reason is PullFailure.STORAGE_UNAVAILABLE
    assert f"is too slow to bring {uri} (less than 64 KiB in 0 s): check the network" in failure.message


def test_a_connection_that_is_cut_again_and_again_brings_the_model_all_the_same(
    bucket: "Bucket", puller: Puller, proxy: FaultProxy
) -> None:
    files = artifact(shard=LARGE[:MIB])
    uri = upload(bucket, files)
    proxy.faults = [Fault(of="variables.data", cut_after=100_000)]

    run = puller.fetch(uri, patience=1, env=through(proxy))

    assert run.laid() == files
    assert len(proxy.ranges("variables.data")) == 11


def test_a_wrong_byte_on_the_way_is_found(bucket: "Bucket", puller: Puller, proxy: FaultProxy) -> None:
    uri = upload(bucket, artifact())
    proxy.faults = [Fault(of="variables.data", flip=4000)]

    run = puller.fetch(uri, env=through(proxy))

    failure = run.failure()
    assert failure.reason is PullFailure.CORRUPT
    assert f"{uri}/{VERSION} is damaged, {SHARD} differs from its checksum" in failure.message
    assert not (run.home / str(NUMBER)).exists()


def test_a_model_that_is_overwritten_while_it_is_read_is_never_mixed(
    bucket: "Bucket", puller: Puller, proxy: FaultProxy
) -> None:
    uri = upload(bucket, artifact())
    other = artifact(shard=b"WEIGHTS " * 1000)
    proxy.faults = [Fault(of="variables.index", times=1, before=lambda: upload(bucket, other))]

    run = puller.fetch(uri, env=through(proxy))

    failure = run.failure()
    assert failure.reason is PullFailure.MODEL_INCOMPLETE
    assert "was overwritten or removed while it was read: export each model to a version of its own" in failure.message
    assert not (run.home / str(NUMBER)).exists()
    proxy.faults = []
    assert puller.fetch(uri, env=through(proxy)).laid() == other


def test_a_disk_without_room_is_told_before_the_fetch(
    bucket: "Bucket", puller: Puller, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = upload(bucket, artifact())
    full = os.statvfs_result((4096, 4096, 1000, 1, 1, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: full)

    run = puller.fetch(uri, env=through(proxy))

    failure = run.failure()
    assert failure.reason is PullFailure.DISK_FULL
    assert "(0.0 MiB are free): free space on the node's disk" in failure.message
    assert not proxy.ranges("variables.data")


def test_a_disk_that_fills_up_meanwhile_is_told(
    bucket: "Bucket", puller: Puller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    uri = upload(bucket, artifact())
    monkeypatch.setattr(Part, "write", write)

    run = puller.fetch(uri)

    failure = run.failure()
    assert failure.reason is PullFailure.DISK_FULL
    assert "No space left on device" in failure.message
    assert not (run.home / str(NUMBER)).exists()
