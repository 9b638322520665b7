"""Models in Google Cloud Storage: gs://.

STORAGE_EMULATOR_HOST leads it to an emulator, anonymously; otherwise it signs in with the pod's own identity.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO, Final, TypeVar

import requests.exceptions
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage import Blob, Client
from google.cloud.storage.retry import DEFAULT_RETRY

from sdp_serving.contract.artifact import ModelUri, Version
from sdp_serving.contract.report import PullFailure
from sdp_serving.puller.errors import PullError

_TIMEOUT: Final = (5.0, 30.0)
"""Seconds to connect, and to wait for the next byte."""

Answer = TypeVar("Answer")


class Bucket:
    """A model's location in a bucket."""

    def __init__(self, uri: ModelUri, *, patience: float) -> None:
        self._uri = uri
        self._name, _, prefix = uri.location.partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._retry = DEFAULT_RETRY.with_timeout(patience).with_delay(initial=0.5, maximum=10, multiplier=2)
        # The signing-in library logs its own tries; the one sentence at the end says what they came to.
        logging.getLogger("google.auth").setLevel(logging.ERROR)
        with self._mapped():
            # Reading objects needs no project, and looking for one can fail where reading would not.
            self._client = Client(project="unused")
        self._bucket = self._client.bucket(self._name)

    def folders(self) -> Sequence[str]:
        """Names of the folders directly below the location."""

        def listed() -> list[str]:
            pages = self._client.list_blobs(
                self._name,
                prefix=self._prefix,
                delimiter="/",
                fields="prefixes,nextPageToken",
                retry=None,
                timeout=_TIMEOUT,
            ).pages
            return [prefix for page in pages for prefix in page.prefixes]

        return [prefix.removeprefix(self._prefix).rstrip("/") for prefix in self._tried(listed)]

    def files(self, version: Version) -> Mapping[str, int]:
        """Sizes of the version's files."""
        root = f"{self._prefix}{version}/"

        def listed() -> dict[str, int]:
            found = self._client.list_blobs(
                self._name, prefix=root, fields="items(name,size),nextPageToken", retry=None, timeout=_TIMEOUT
            )
            return {blob.name.removeprefix(root): blob.size for blob in found if not blob.name.endswith("/")}

        return self._tried(listed)

    def read(self, version: Version, path: str) -> bytes:
        """All bytes of a file."""
        blob = self._blob(version, path)
        return self._tried(lambda: bytes(blob.download_as_bytes(retry=None, timeout=_TIMEOUT)))

    def stream(self, version: Version, path: str, part: range, into: BinaryIO) -> None:
        """Download a part of a file."""
        blob = self._blob(version, path)
        position = into.tell()

        def download() -> None:
            into.seek(position)
            # The library's checksum is of whole files only; the puller verifies the file when it has all parts.
            blob.download_to_file(
                into,
                start=part.start,
                end=part.stop - 1,
                raw_download=True,
                checksum=None,
                retry=None,
                timeout=_TIMEOUT,
            )

        self._tried(download)

    def _blob(self, version: Version, path: str) -> Blob:
        return self._bucket.blob(f"{self._prefix}{version}/{path}")

    def _tried(self, call: Callable[[], Answer]) -> Answer:
        with self._mapped():
            answer: Answer = self._retry(call)()
            return answer

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except api.NotFound as error:
            raise PullError(
                PullFailure.MODEL_NOT_FOUND,
                f"{self._uri} was not found ({_reason(error)}): check that the bucket {self._name!r} exists and that"
                " nobody removes the model",
            ) from error
        except api.BadRequest as error:
            raise PullError(
                PullFailure.UNUSABLE_URI,
                f"Google Cloud Storage refuses {self._uri} ({_reason(error)}): check the bucket's name",
            ) from error
        except (api.Forbidden, api.Unauthorized) as error:
            raise PullError(
                PullFailure.ACCESS_DENIED,
                f"access to {self._uri} was denied ({_reason(error)}): grant the pod's service account"
                f" roles/storage.objectViewer on the bucket {self._name!r}",
            ) from error
        except (auth.DefaultCredentialsError, auth.RefreshError, PermissionError) as error:
            raise PullError(
                PullFailure.ACCESS_DENIED,
                f"there are no usable credentials to read {self._uri}: {_credentials_remedy()}",
            ) from error
        except (
            api.GoogleAPICallError,
            api.RetryError,
            auth.TransportError,
            requests.exceptions.RequestException,
            ConnectionError,
        ) as error:
            raise PullError(
                PullFailure.STORAGE_UNAVAILABLE,
                f"Google Cloud Storage does not answer for {self._uri} ({_reason(error)}): check the network and try"
                " again",
            ) from error


def _credentials_remedy() -> str:
    key = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if key is None:
        return "give the pod a service account with Workload Identity, or a key by storage.secretName"
    return (
        f"{key} holds no key of a Google service account that is in force: put one into the Secret of"
        f" storage.secretName as {key.rpartition('/')[2]}"
    )


def _reason(error: Exception) -> str:
    match error:
        case api.RetryError():
            return _reason(error.cause) if isinstance(error.cause, Exception) else "timed out"
        case api.GoogleAPICallError():
            return f"HTTP {int(error.code)}" if error.code else type(error).__name__
        case _:
            return type(error).__name__
