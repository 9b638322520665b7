"""Google Cloud Storage as a store of artifacts."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from google.api_core import exceptions as api
from google.api_core.retry import if_transient_error
from google.cloud.storage import Blob, Bucket, Client
from pydantic import ValidationError

from sdp_exporter.errors import StoreUnavailableError, VersionTakenError
from sdp_exporter.stores import Progress, Publish, Stored, gcs_requests
from sdp_exporter.stores.gcs_requests import readable_errors
from sdp_exporter.stores.parallel import each
from sdp_exporter.stores.parts import FOLDER, Parts, delete_objects, entry_of, list_objects, uncounted
from sdp_serving.contract.artifact import (
    MANIFEST,
    SAVED_MODEL,
    FileEntry,
    Manifest,
    ModelUri,
    Version,
    version_of,
    whole_versions,
)

_EXPORT_KEY: Final = "sdpipeline-export"


class GcsStore:
    """Versions as prefixes of objects' names.

    The files' bytes are brought first, as parts that are named for their content; of them a version is made without
    sending them again. Its first object claims it: every object is created on the condition that it is new, so that of
    two exporters only one gets past the first. The manifest comes before last and saved_model.pb last, and a version
    without saved_model.pb is not whole: an export that dies leaves objects that nobody reads.
    """

    def __init__(self, client: Client, uri: ModelUri) -> None:
        bucket, _, prefix = uri.location.partition("/")
        self._bucket = client.bucket(bucket)
        self._prefix = f"{prefix}/" if prefix else ""

    @classmethod
    def open(cls, uri: ModelUri) -> Self:
        """Connect with the application's default credentials, or without any to STORAGE_EMULATOR_HOST."""
        with readable_errors(uri.location.partition("/")[0]):
            return cls(Client(project=None), uri)

    def require_writable(self) -> None:
        """Begin an upload and send nothing: that takes the permission to create an object, and creates none."""
        probe = self._bucket.blob(f"{self._prefix}{FOLDER}/permission")
        with readable_errors(self._bucket.name):
            probe.create_resumable_upload_session(
                size=0, if_generation_match=0, timeout=gcs_requests.TIMEOUT, retry=gcs_requests.READ_RETRY
            )

    def taken(self) -> Sequence[Version]:
        """Every version there, whole or not, oldest first."""
        return sorted(self._objects())

    def newest(self) -> Manifest | None:
        """The manifest of the newest whole version."""
        whole = whole_versions(f"{version}/{path}" for version, files in self._objects().items() for path in files)
        return self._manifest(whole[-1]) if whole else None

    @contextmanager
    def bringing(self, folder: Path, files: Mapping[str, FileEntry], progress: Progress) -> Iterator[Publish]:
        """Upload the parts that are not there yet; they are deleted when the context ends well."""
        # The smallest file is sent as it is, and so can claim a version.
        claim = min(files.keys() - {SAVED_MODEL}, key=lambda path: (files[path].size, path), default=None)
        parts = Parts(self._bucket, self._prefix, folder, sorted(files.keys() - {claim}))
        with readable_errors(self._bucket.name):
            parts.bring(progress)
            if claim is not None:
                progress(files[claim].size)

        def publish(manifest: Manifest) -> None:
            with readable_errors(self._bucket.name):
                # Another exporter of the same bytes may have published and deleted them meanwhile.
                parts.bring(uncounted)
                _publish(_Upload(self._bucket, f"{self._prefix}{manifest.version}/"), folder, manifest, claim, parts)

        yield publish
        with readable_errors(self._bucket.name):
            parts.delete()

    def versions(self) -> Sequence[Stored]:
        """Every version there, whole or not, oldest first."""
        objects = self._objects()

        def stored(version: Version) -> Stored:
            files = objects[version]
            return Stored(
                version=version,
                sizes={path: blob.size for path, blob in files.items()},
                changed=max(blob.updated for blob in files.values()),
                manifest=self._manifest(version) if MANIFEST in files else None,
            )

        return each(stored, sorted(objects))

    def checksums(self, version: Version) -> Mapping[str, FileEntry]:
        """Every file of a version, as the store tells its checksum."""
        files = self._objects(f"{version}/")[version]
        return {path: entry_of(blob) for path, blob in files.items() if path != MANIFEST}

    def delete(self, version: Version) -> None:
        """Delete the version's objects."""
        root = f"{self._prefix}{version}/"
        names = sorted(self._objects(f"{version}/")[version])
        with readable_errors(self._bucket.name):
            delete_objects(self._bucket, [f"{root}{SAVED_MODEL}"])
            delete_objects(self._bucket, [f"{root}{name}" for name in names if name != SAVED_MODEL])

    def delete_leftovers(self, before: datetime) -> int:
        """Delete parts that were uploaded before this time."""
        with readable_errors(self._bucket.name):
            parts = list_objects(self._bucket, f"{self._prefix}{FOLDER}/")
            old = [blob for blob in parts if blob.updated < before]
            delete_objects(self._bucket, [blob.name for blob in old])
            return sum(blob.size for blob in old)

    def _objects(self, below: str = "") -> Mapping[Version, dict[str, Blob]]:
        """The objects of each version by their path in it, among those whose path begins with `below`."""
        found: dict[Version, dict[str, Blob]] = defaultdict(dict)
        with readable_errors(self._bucket.name, reading=True):
            for blob in list_objects(self._bucket, f"{self._prefix}{below}"):
                folder, _, path = blob.name.removeprefix(self._prefix).partition("/")
                version = version_of(folder)
                if version is not None and path:
                    found[version][path] = blob
        return found

    def _manifest(self, version: Version) -> Manifest | None:
        blob = self._bucket.blob(f"{self._prefix}{version}/{MANIFEST}")
        with readable_errors(self._bucket.name, reading=True):
            try:
                return Manifest.model_validate_json(
                    blob.download_as_bytes(timeout=gcs_requests.TIMEOUT, retry=gcs_requests.READ_RETRY)
                )
            except (api.NotFound, ValidationError):
                return None


def _publish(upload: "_Upload", folder: Path, manifest: Manifest, claim: str | None, parts: Parts) -> None:
    """Create the claim, then the other files, then the manifest, then saved_model.pb."""

    def compose(path: str) -> None:
        upload.compose(path, parts.objects(path), manifest.files[path])

    if claim is not None:
        upload.send(claim, (folder / claim).read_bytes(), manifest.files[claim])
    each(compose, sorted(manifest.files.keys() - {claim, SAVED_MODEL}))
    upload.send(MANIFEST, f"{manifest.model_dump_json(indent=2)}\n".encode(), content_type="application/json")
    compose(SAVED_MODEL)


class _Upload:
    """One version's objects. They carry the upload's id, by which a repeated request knows its own."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._id = uuid.uuid4().hex

    def send(
        self,
        path: str,
        content: bytes,
        expected: FileEntry | None = None,
        content_type: str = "application/octet-stream",
    ) -> None:
        """Create the object `path`, and compare what the store has with `expected`."""
        blob = self._new(path)
        with self._created(blob, expected):
            blob.upload_from_string(
                content,
                content_type=content_type,
                if_generation_match=0,
                checksum="crc32c",
                timeout=gcs_requests.TIMEOUT,
                retry=gcs_requests.WRITE_RETRY,
            )

    def compose(self, path: str, parts: Sequence[Blob], expected: FileEntry) -> None:
        """Create the object `path` of `parts`, and compare what the store has with `expected`."""
        blob = self._new(path)
        blob.content_type = "application/octet-stream"

        def are_there() -> bool:
            return all(part.exists(timeout=gcs_requests.TIMEOUT, retry=gcs_requests.READ_RETRY) for part in parts)

        # Without its parts, trying again is of no use.
        retry = gcs_requests.WRITE_RETRY.with_predicate(lambda error: if_transient_error(error) and are_there())
        with self._created(blob, expected):
            try:
                blob.compose(parts, if_generation_match=0, timeout=gcs_requests.TIMEOUT, retry=retry)
            except (api.NotFound, api.ServerError):
                if are_there():
                    raise
                raise VersionTakenError(
                    f"what was uploaded for gs://{self._bucket.name}/{self._prefix} was deleted meanwhile: export again"
                ) from None

    def _new(self, path: str) -> Blob:
        blob = self._bucket.blob(f"{self._prefix}{path}")
        blob.metadata = {_EXPORT_KEY: self._id}
        return blob

    @contextmanager
    def _created(self, blob: Blob, expected: FileEntry | None) -> Iterator[None]:
        """Tell a request of ours that succeeded unheard, and was repeated, from another exporter's object."""
        try:
            yield
        except api.PreconditionFailed:
            blob.reload(timeout=gcs_requests.TIMEOUT, retry=gcs_requests.READ_RETRY)
            if (blob.metadata or {}).get(_EXPORT_KEY) != self._id:
                raise VersionTakenError(f"gs://{self._bucket.name}/{self._prefix} is another exporter's") from None
        if expected is not None and entry_of(blob) != expected:
            raise StoreUnavailableError(f"gs://{self._bucket.name}/{blob.name} was stored damaged: export again")
