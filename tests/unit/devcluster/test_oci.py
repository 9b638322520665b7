"""The image archive of one program."""

import hashlib
import io
import json
import tarfile

from devcluster import oci


def _files(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: opened.read() for member in tar if (opened := tar.extractfile(member))}


def test_the_archive_names_its_image_and_leads_to_the_program() -> None:
    files = _files(oci.archive("localhost/pause:1", b"program"))

    def blob(digest: str) -> bytes:
        return files[f"blobs/sha256/{digest.removeprefix('sha256:')}"]

    (entry,) = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(blob(entry["digest"]))
    layer = blob(manifest["layers"][0]["digest"])
    assert entry["annotations"]["io.containerd.image.name"] == "localhost/pause:1"
    assert json.loads(blob(manifest["config"]["digest"]))["config"]["Entrypoint"] == ["/program"]
    assert _files(layer) == {"program": b"program"}


def test_every_blob_is_stored_under_its_digest() -> None:
    files = _files(oci.archive("localhost/pause:1", b"program"))

    blobs = {path: content for path, content in files.items() if path.startswith("blobs/")}
    assert len(blobs) == 3
    assert all(path == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}" for path, content in blobs.items())


def test_the_same_program_gives_the_same_bytes() -> None:
    assert oci.archive("localhost/pause:1", b"program") == oci.archive("localhost/pause:1", b"program")
