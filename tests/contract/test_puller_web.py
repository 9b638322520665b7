"""The puller on a web server: https://."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from tests.support.certificate import loopback_certificate
from tests.support.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.support.pulling import INDEX, NUMBER, SHARD, VERSION, Puller, artifact, upload

from sdp_serving.contract.artifact import MANIFEST, SAVED_MODEL
from sdp_serving.contract.report import PullFailure
from sdp_serving.puller import http_body

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

MIB = 1 << 20
LARGE = b"".join(number.to_bytes(8) for number in range(3 << 20))


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    return loopback_certificate(tmp_path)


@pytest.fixture
def puller(tmp_path: Path, certificate: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch) -> Puller:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[1]))
    return Puller(tmp_path)


@pytest.fixture
def web(storage_emulator: str, bucket: "Bucket", certificate: tuple[ssl.SSLContext, Path]) -> Iterator[FaultProxy]:
    """A web server whose files are the bucket's objects."""

    def upstream(path: str) -> str:
        return f"{storage_emulator}/download/storage/v1/b/{bucket.name}/o/{quote(path[1:], safe='')}?alt=media"

    with fault_proxy(upstream, certificate[0]) as proxy:
        yield proxy


def served(bucket: "Bucket", web: FaultProxy, files: dict[str, bytes]) -> str:
    """The URI of an artifact on the web server."""
    upload(bucket, files)
    return f"{web.url}/sd/model/{VERSION}"


def test_a_model_is_pulled_in_parts(bucket: "Bucket", web: FaultProxy, puller: Puller) -> None:
    files = artifact(shard=LARGE)
    uri = served(bucket, web, files)

    run = puller.fetch(uri)

    assert run.pulled().uri == uri
    assert run.laid() == files
    assert sorted(web.ranges("variables.data"))[1:] == [(0, 16 * MIB - 1), (16 * MIB, 24 * MIB - 1)]


def test_a_server_without_ranges_sends_whole_files(bucket: "Bucket", web: FaultProxy, puller: Puller) -> None:
    files = artifact(shard=LARGE)
    uri = served(bucket, web, files)
    web.faults = [Fault(of="", whole=True)]

    run = puller.fetch(uri)

    assert run.code == 0, run.said
    assert run.laid() == files
    assert len(web.ranges("variables.data")) == 2


@pytest.mark.parametrize("whole", [False, True], ids=["with ranges", "without ranges"])
def test_a_cut_connection_costs_nothing_of_what_has_arrived(
    bucket: "Bucket", web: FaultProxy, puller: Puller, whole: bool
) -> None:
    files = artifact(shard=LARGE[: 8 * MIB])
    uri = served(bucket, web, files)
    web.faults = [
        Fault(of="variables.data", whole=whole, times=1),
        Fault(of="variables.data", whole=whole, cut_after=3 * MIB, times=1),
        Fault(of="", whole=whole),
    ]

    run = puller.fetch(uri)

    assert run.code == 0, run.said
    assert run.laid() == files
    assert max(web.ranges("variables.data")) == (3 * MIB, 8 * MIB - 1)


def test_a_uri_without_a_version_is_refused(web: FaultProxy, puller: Puller) -> None:
    failure = puller.fetch(f"{web.url}/sd/model").failure()

    assert failure.reason is PullFailure.UNUSABLE_URI
    assert "names no version" in failure.message


def test_a_model_without_a_manifest_is_not_found(bucket: "Bucket", web: FaultProxy, puller: Puller) -> None:
    files = artifact()
    del files[MANIFEST]

    failure = puller.fetch(served(bucket, web, files)).failure()

    assert failure.reason is PullFailure.MODEL_NOT_FOUND
    assert f"there is no {MANIFEST} at {web.url}" in failure.message


@pytest.mark.parametrize(
    ("missing", "reason"), [(SAVED_MODEL, PullFailure.MODEL_INCOMPLETE), (INDEX, PullFailure.CORRUPT)]
)
def test_a_missing_file_is_told(
    bucket: "Bucket", web: FaultProxy, puller: Puller, missing: str, reason: PullFailure
) -> None:
    files = artifact()
    del files[missing]

    failure = puller.fetch(served(bucket, web, files)).failure()

    assert failure.reason is reason
    assert missing in failure.message


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (401, PullFailure.ACCESS_DENIED, "(HTTP 401): let it be read without signing in"),
        (403, PullFailure.ACCESS_DENIED, "(HTTP 403): let it be read without signing in"),
        (404, PullFailure.MODEL_INCOMPLETE, "was overwritten or removed while it was read"),
        (418, PullFailure.STORAGE_UNAVAILABLE, "(HTTP 418): check the server"),
        (429, PullFailure.STORAGE_UNAVAILABLE, "(HTTP 429): check the server"),
        (500, PullFailure.STORAGE_UNAVAILABLE, "(HTTP 500): check the server"),
    ],
)
def test_a_server_that_refuses_a_file_is_named_with_what_to_do(
    bucket: "Bucket", web: FaultProxy, puller: Puller, status: int, reason: PullFailure, words: str
) -> None:
    uri = served(bucket, web, artifact())
    web.faults = [Fault(of="variables.data", times=1), Fault(of="variables.data", status=status)]

    run = puller.fetch(uri, patience=1)

    failure = run.failure()
    assert failure.reason is reason
    assert words in failure.message
    assert uri in failure.message
    assert not (run.home / str(NUMBER)).exists()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_recovers_is_waited_for(bucket: "Bucket", web: FaultProxy, puller: Puller, status: int) -> None:
    uri = served(bucket, web, artifact())
    web.faults = [Fault(of="", status=status, times=2), Fault(of="", cut_after=0, times=1)]

    run = puller.fetch(uri)

    assert run.code == 0, run.said
    assert run.laid() == artifact()


@pytest.mark.parametrize("file", ["variables.data", "sdpipeline.json"])
def test_a_server_that_drips_is_told_instead_of_waited_for(
    bucket: "Bucket", web: FaultProxy, puller: Puller, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setattr(http_body, "_LEAST_SECONDS", 0.5)
    uri = served(bucket, web, artifact())
    web.faults = [Fault(of=file, drips=True)]

    failure = puller.fetch(uri, patience=1).failure()

    assert failure.reason is PullFailure.STORAGE_UNAVAILABLE
    assert f"is too slow to bring {uri} (less than 64 KiB in 0 s): check the server" in failure.message


def test_a_wrong_byte_is_found(bucket: "Bucket", web: FaultProxy, puller: Puller) -> None:
    files = artifact()
    files[SHARD] = b"W" + files[SHARD][1:]

    failure = puller.fetch(served(bucket, web, files)).failure()

    assert failure.reason is PullFailure.CORRUPT
    assert f"{SHARD} differs from its checksum" in failure.message


def test_a_file_that_is_overwritten_while_it_is_read_is_never_mixed(
    bucket: "Bucket", web: FaultProxy, puller: Puller
) -> None:
    files = artifact(shard=LARGE[: 8 * MIB])
    uri = served(bucket, web, files)
    other = artifact(shard=LARGE[8 * MIB : 16 * MIB])
    web.faults = [
        Fault(of="variables.data", times=1),
        Fault(of="variables.data", cut_after=3 * MIB, times=1),
        Fault(of="variables.data", times=1, before=lambda: upload(bucket, other)),
    ]

    run = puller.fetch(uri)

    failure = run.failure()
    assert failure.reason is PullFailure.MODEL_INCOMPLETE
    assert f"{SHARD} of {uri} was overwritten or removed while it was read" in failure.message
    assert not (run.home / str(NUMBER)).exists()


def test_a_redirect_to_another_server_is_followed(
    bucket: "Bucket", web: FaultProxy, puller: Puller, certificate: tuple[ssl.SSLContext, Path]
) -> None:
    uri = served(bucket, web, artifact())
    with fault_proxy(web.upstream, certificate[0]) as moved:
        for path in artifact():
            moved.faults.append(Fault(of=f"/{path}", status=307, headers={"Location": f"{uri}/{path}"}))

        run = puller.fetch(f"{moved.url}/sd/model/{VERSION}")

    assert run.code == 0, run.said
    assert run.laid() == artifact()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://127.0.0.1/x", "to http://: give a URI that stays with https://"),
        ("file:///etc/passwd", "to file://: give a URI that stays with https://"),
        ("/again", "in circles"),
    ],
)
def test_a_redirect_to_anywhere_else_is_refused(web: FaultProxy, puller: Puller, target: str, words: str) -> None:
    web.faults = [Fault(of="", status=302, headers={"Location": target})]

    failure = puller.fetch(f"{web.url}/sd/model/{VERSION}", patience=30).failure()

    assert failure.reason is PullFailure.UNUSABLE_URI
    assert words in failure.message


def test_a_server_that_nobody_vouches_for_is_refused_at_once(
    web: FaultProxy, puller: Puller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")

    failure = puller.fetch(f"{web.url}/sd/model/{VERSION}", patience=1000).failure()

    assert failure.reason is PullFailure.STORAGE_UNAVAILABLE
    assert "shows a certificate that is not trusted" in failure.message
    assert not web.asked


def test_a_server_that_cannot_be_reached_is_told(puller: Puller) -> None:
    failure = puller.fetch(f"https://127.0.0.1:9/model/{VERSION}", patience=1).failure()

    assert failure.reason is PullFailure.STORAGE_UNAVAILABLE
    assert "127.0.0.1:9 does not answer for https://127.0.0.1:9/model" in failure.message


def test_a_manifest_without_end_is_not_read_to_its_end(bucket: "Bucket", web: FaultProxy, puller: Puller) -> None:
    files = artifact()
    files[MANIFEST] += b" " * 9 * MIB
    uri = served(bucket, web, files)

    failure = puller.fetch(uri).failure()

    assert failure.reason is PullFailure.CORRUPT
    assert "its sdpipeline.json is larger than 8 MiB" in failure.message
