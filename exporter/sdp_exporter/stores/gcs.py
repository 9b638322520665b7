"""Google Cloud Storage as a store of artifacts."""

import base64
import os
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Self

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage import Blob, Bucket, Client
from google.cloud.storage.retry import DEFAULT_RETRY
from pydantic import ValidationError

from sdp_exporter.errors import StoreRefusedError, StoreUnavailableError, VersionTakenError
from sdp_exporter.stores import Progress
from sdp_serving.contract.artifact import MANIFEST, SAVED_MODEL, FileEntry, Manifest, ModelUri, Version, whole_versions

_PARALLEL_UPLOADS: Final = 8
_READ_RETRY: Final = DEFAULT_RETRY.with_timeout(10)
_UPLOAD_RETRY: Final = DEFAULT_RETRY.with_timeout(300)
_TIMEOUT: Final = (5, 120)
"""Seconds to connect, and to wait for an answer to one request."""
_EXPORT_KEY: Final = "sdpipeline-export"


class GcsStore:
    """Versions as prefixes of objects' names.

    The first upload claims the version: every object is created on the condition that it is new, so that of two
    exporters only one gets past the first. The manifest is uploaded before last and saved_model.pb last, and a version
    without saved_model.pb is not whole: an upload that dies leaves objects that nobody reads.
    """

    def __init__(self, client: Client, uri: ModelUri) -> None:
        bucket, _, prefix = uri.location.partition("/")
        self._uri = uri
        self._client = client
        self._bucket = client.bucket(bucket)
        self._prefix = f"{prefix}/" if prefix else ""

    @classmethod
    def open(cls, uri: ModelUri) -> Self:
        """Connect with the application's default credentials, or without any to STORAGE_EMULATOR_HOST."""
        with _readable_errors(uri.location.partition("/")[0]):
            return cls(Client(project=None), uri)

    def taken(self) -> Sequence[Version]:
        """Every version there, whole or not, oldest first."""
        folders = {path.partition("/")[0] for path in self._paths()}
        return sorted(Version(int(name)) for name in folders if name.isascii() and name.isdigit())

    def newest(self) -> Manifest | None:
        """The manifest of the newest whole version."""
        whole = whole_versions(self._paths())
        if not whole:
            return None
        with _readable_errors(self._bucket.name):
            try:
                blob = self._bucket.blob(f"{self._prefix}{whole[-1]}/{MANIFEST}")
                return Manifest.model_validate_json(blob.download_as_bytes(timeout=_TIMEOUT, retry=_READ_RETRY))
            except (api.NotFound, ValidationError):
                return None

    def publish(self, folder: Path, manifest: Manifest, progress: Progress) -> None:
        """Upload the claim, then the other files in parallel, then the manifest, then saved_model.pb."""
        upload = _Upload(self._bucket, f"{self._prefix}{manifest.version}/")
        claim, *others = sorted(manifest.files.keys() - {SAVED_MODEL}) or [SAVED_MODEL]

        def send(path: str) -> None:
            upload.file(folder / path, path, manifest.files[path], progress)

        with _readable_errors(self._bucket.name):
            send(claim)
            with ThreadPoolExecutor(_PARALLEL_UPLOADS) as pool:
                for _ in pool.map(send, others):
                    pass
            upload.text(manifest.model_dump_json(indent=2) + "\n", MANIFEST)
            send(SAVED_MODEL)

    def _paths(self) -> list[str]:
        with _readable_errors(self._bucket.name):
            blobs = self._client.list_blobs(
                self._bucket,
                prefix=self._prefix,
                fields="items(name),nextPageToken",
                timeout=_TIMEOUT,
                retry=_READ_RETRY,
            )
            return [blob.name.removeprefix(self._prefix) for blob in blobs]


class _Upload:
    """One version's upload. Its objects carry its id, by which a repeated request knows its own."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._id = uuid.uuid4().hex

    def file(self, source: Path, path: str, expected: FileEntry, progress: Progress) -> None:
        """Create the object `path` from `source`, and compare what the store has with `expected`."""
        blob = self._new(path)
        with source.open("rb") as file, self._created(blob):
            blob.upload_from_file(
                _Counted(file, progress),
                size=os.fstat(file.fileno()).st_size,
                if_generation_match=0,
                checksum="crc32c",
                timeout=_TIMEOUT,
                retry=_UPLOAD_RETRY,
            )
        stored = base64.b64decode(blob.crc32c).hex()
        if (blob.size, stored) != (expected.size, expected.crc32c):
            raise StoreUnavailableError(f"gs://{self._bucket.name}/{blob.name} was stored damaged: export again")

    def text(self, text: str, path: str) -> None:
        """Create the object `path` holding `text`."""
        blob = self._new(path)
        with self._created(blob):
            blob.upload_from_string(
                text,
                content_type="application/json",
                if_generation_match=0,
                checksum="crc32c",
                timeout=_TIMEOUT,
                retry=_UPLOAD_RETRY,
            )

    def _new(self, path: str) -> Blob:
        blob = self._bucket.blob(f"{self._prefix}{path}")
        blob.metadata = {_EXPORT_KEY: self._id}
        return blob

    @contextmanager
    def _created(self, blob: Blob) -> Iterator[None]:
        """Tell a request of ours that succeeded unheard, and was repeated, from another exporter's object."""
        try:
            yield
        except api.PreconditionFailed:
            blob.reload(timeout=_TIMEOUT, retry=_READ_RETRY)
            if (blob.metadata or {}).get(_EXPORT_KEY) != self._id:
                raise VersionTakenError(f"gs://{self._bucket.name}/{self._prefix} is another exporter's") from None


class _Counted:
    """A file whose bytes are counted once each, as far as they are read: the client reads what it is about to send."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self._file = file
        self._progress = progress
        self._furthest = 0

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        position = self._file.tell()
        if position > self._furthest:
            self._progress(position - self._furthest)
            self._furthest = position
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


@contextmanager
def _readable_errors(bucket: str) -> Iterator[None]:
    """Say what failed in one sentence that names the remedy."""
    try:
        yield
    except (auth.DefaultCredentialsError, PermissionError):
        raise StoreRefusedError(_credentials_remedy()) from None
    except (auth.RefreshError, api.Unauthorized) as error:
        if getattr(error, "retryable", False):
            raise StoreUnavailableError("Google Cloud's sign-in does not answer: check the network") from None
        raise StoreRefusedError(
            "Google Cloud refused the credentials: renew them with `gcloud auth application-default login`, or in a"
            " cluster check the ServiceAccount's Workload Identity or the key"
        ) from None
    except api.Forbidden:
        raise StoreRefusedError(
            f"no permission to read and write gs://{bucket}: ask its owner for the role roles/storage.objectUser"
        ) from None
    except api.NotFound:
        raise StoreRefusedError(
            f"the bucket gs://{bucket} does not exist: create it, as with `gcloud storage buckets create gs://{bucket}`"
        ) from None
    except (api.RetryError, requests.RequestException, auth.TransportError, ConnectionError):
        raise StoreUnavailableError(
            f"{_endpoint()} cannot be reached: check that it runs and that the network leads there"
        ) from None
    except (api.ServerError, api.TooManyRequests) as error:
        raise StoreUnavailableError(
            f"{_endpoint()} is out of order for gs://{bucket} (HTTP {error.code}): try again later"
        ) from None
    except api.GoogleAPICallError as error:
        raise StoreRefusedError(
            f"{_endpoint()} refused a request for gs://{bucket} ({error.message}): correct the URI"
        ) from None


def _credentials_remedy() -> str:
    key = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if key is None:
        return (
            "no Google Cloud credentials were found: run `gcloud auth application-default login`, or in a cluster give"
            " the pod a ServiceAccount with Workload Identity or a key by storage.secretName"
        )
    return (
        f"{key}, which GOOGLE_APPLICATION_CREDENTIALS names, holds no Google Cloud credentials: put the key of a"
        f" service account there, in a cluster into the Secret of storage.secretName as {Path(key).name}"
    )


def _endpoint() -> str:
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    return f"the storage emulator at {emulator} (STORAGE_EMULATOR_HOST)" if emulator else "Google Cloud Storage"
