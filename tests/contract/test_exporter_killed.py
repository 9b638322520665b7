"""An export that is killed at any request to the storage, and run again."""

import multiprocessing
import os
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests
from google.cloud.storage import Bucket
from tests.support.artifacts import VARIABLES, manifest, saved_model

from sdp_exporter.stores import open_store, parts
from sdp_serving.contract.artifact import ModelUri, Version, whole_versions

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

_PART: Final = 1 << 18
_KILLED: Final = 137
_AROUND: Final = 1000
"""What a request has around a file's bytes."""


def export(folder: Path, uri: str, version: int, sent: "Synchronized[int]", last: int = 0) -> None:
    """Publish `folder`, in parts of which there are several, and count the bytes that are sent.

    Args:
        folder: what is published.
        uri: where.
        version: its version.
        sent: the count.
        last: the number of the request after whose answer the process is killed, from 1; 0 for none.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_LEAST_BYTES", _PART)
        send, number = requests.Session.send, count(1)

        def counted(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            fatal = next(number) == last
            with sent.get_lock():
                sent.value += len(request.body or b"") if "/upload/" in str(request.url) else 0
            answer = send(session, request, **options)
            if fatal:
                os._exit(_KILLED)
            return answer

        patch.setattr(requests.Session, "send", counted)
        described = manifest(folder, version)
        with open_store(ModelUri.parse(uri)).bringing(folder, described.files, lambda size: None) as publish:
            publish(described)


def export_and_leave(*arguments: Any) -> None:
    export(*arguments)
    os._exit(0)


def survives(*arguments: Any) -> bool:
    """Export in a process of its own; whether that came to its end."""
    context = multiprocessing.get_context("fork")
    process = context.Process(target=export_and_leave, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode in (0, _KILLED)
    return process.exitcode == 0


def test_it_is_completed_by_the_next_run_which_sends_little_again(bucket: Bucket, tmp_path: Path) -> None:
    folder = saved_model(tmp_path, "content" * 5000)
    (folder / VARIABLES).write_bytes(os.urandom(4 * _PART - 100))
    sizes = [entry.size for entry in manifest(folder, 1).files.values()]
    for last in count(1):
        uri = f"gs://{bucket.name}/sd-{last}"
        sent = multiprocessing.get_context("fork").Value("q", 0)
        survived = survives(folder, uri, 7, sent, last)
        names = [blob.name.partition("/")[2] for blob in bucket.list_blobs(prefix=f"sd-{last}/")]
        before = whole_versions(names)
        if survived:
            break
        if not before:
            export(folder, uri, 8, sent)
        store = open_store(ModelUri.parse(uri))
        version = Version(7 if before else 8)
        newest = store.newest()
        assert newest is not None
        assert newest.version == version
        assert store.checksums(version) == newest.files
        assert sent.value <= sum(sizes) + max(sizes) + 20 * _AROUND
    assert last > 10, "it was killed at each of its requests"
