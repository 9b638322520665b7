"""Models in Google Cloud Storage: gs://.

STORAGE_EMULATOR_HOST leads it to an emulator, anonymously; otherwise it signs in with the pod's own identity.
"""

import base64
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar, cast

import google_crc32c
import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage import Blob, Client

from sdp_serving.contract.artifact import ModelUri, Version
from sdp_serving.contract.report import PullFailure
from sdp_serving.puller import http_body
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.manifest import corrupt
from sdp_serving.puller.patience import tried
from sdp_serving.puller.storage import PARTS_OVER_A_NETWORK, Part, Stored

Answer = TypeVar("Answer")


class Bucket:
    """A model's location in a bucket."""

    parts_at_once = PARTS_OVER_A_NETWORK

    def __init__(self, uri: ModelUri, *, patience: float) -> None:
        self._uri = uri
        self._name, _, prefix = uri.location.partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._patience = patience
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
                timeout=http_body.TIMEOUT,
            ).pages
            return [prefix for page in pages for prefix in page.prefixes]

        return [prefix.removeprefix(self._prefix).rstrip("/") for prefix in self._tried(listed)]

    def files(self, version: Version) -> Mapping[str, Stored]:
        """The version's files."""
        root = f"{self._prefix}{version}/"

        def listed() -> dict[str, Stored]:
            found = self._client.list_blobs(
                self._name,
                prefix=root,
                fields="items(name,size,crc32c,generation),nextPageToken",
                retry=None,
                timeout=http_body.TIMEOUT,
            )
            return {blob.name.removeprefix(root): _stored(blob) for blob in found if not blob.name.endswith("/")}

        return self._tried(listed)

    def read(self, version: Version, path: str, file: Stored) -> bytes:
        """All bytes of a file."""
        with self._pinned(version, path):
            content = self._tried(lambda: self._downloaded(version, path, file)) if file.size else b""
        if file.crc32c not in (None, f"{google_crc32c.value(content):08x}"):
            raise corrupt(self._uri.at(version), f"{path} differs from its checksum")
        return content

    def stream(self, version: Version, path: str, file: Stored, part: Part) -> None:
        """Download a part of a file."""

        def download() -> None:
            with self._get(version, path, file, part.missing) as answer:
                http_body.receive(answer, part)

        with self._pinned(version, path):
            self._tried(download, lambda: part.missing.start // http_body.LEAST)

    def _downloaded(self, version: Version, path: str, file: Stored) -> bytes:
        with self._get(version, path, file, range(file.size)) as answer:
            return b"".join(http_body.chunks(answer, file.size))

    def _get(self, version: Version, path: str, file: Stored, wanted: range) -> requests.Response:
        blob = self._bucket.blob(f"{self._prefix}{version}/{path}")
        # Not the library's own download: it copies 8 KiB at a time, and starts a part anew after a cut.
        answer: requests.Response = self._client._http.get(
            f"{self._client.api_endpoint}/download/storage/v1{blob.path}",
            params={"alt": "media", "generation": _generation(file)},
            headers=http_body.headers(wanted),
            timeout=http_body.TIMEOUT,
            stream=True,
        )
        if answer.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            with answer:
                raise _error_of(answer)
        return answer

    def _tried(self, call: Callable[[], Answer], position: Callable[[], int] = lambda: 0) -> Answer:
        with self._mapped():
            return tried(call, patience=self._patience, transient=_may_pass, position=position)

    @contextmanager
    def _pinned(self, version: Version, path: str) -> Iterator[None]:
        """Say of an object that was there and is not any more that somebody overwrote it."""
        try:
            yield
        except PullError as error:
            if error.reason is not PullFailure.MODEL_NOT_FOUND:
                raise
            raise PullError(
                PullFailure.MODEL_INCOMPLETE,
                f"{path} of {self._uri.at(version)} was overwritten or removed while it was read: export each model to"
                " a version of its own",
            ) from error

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
        except http_body.TooSlowError as error:
            raise PullError(
                PullFailure.STORAGE_UNAVAILABLE,
                f"Google Cloud Storage is too slow to bring {self._uri} ({error}): check the network and try again",
            ) from error
        except (
            api.GoogleAPICallError,
            auth.TransportError,
            *http_body.BROKEN_LINE,
        ) as error:
            raise PullError(
                PullFailure.STORAGE_UNAVAILABLE,
                f"Google Cloud Storage does not answer for {self._uri} ({_reason(error)}): check the network and try"
                " again",
            ) from error


def _stored(blob: Blob) -> Stored:
    # An object that was put together of parts may lack one.
    checksum = None if blob.crc32c is None else base64.b64decode(blob.crc32c).hex()
    return Stored(size=blob.size, crc32c=checksum, edition=str(blob.generation))


def _generation(file: Stored) -> int | None:
    return None if file.edition is None else int(file.edition)


def _error_of(answer: requests.Response) -> api.GoogleAPICallError:
    return cast("api.GoogleAPICallError", api.from_http_response(answer))  # type: ignore[no-untyped-call]


def _may_pass(error: Exception) -> bool:
    match error:
        case api.GoogleAPICallError():
            return error.code in http_body.TRANSIENT_STATUSES
        case auth.TransportError(args=(Exception() as cause, *_)):
            return _may_pass(cause)
        case _:
            return isinstance(error, http_body.BROKEN_LINE)


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
        case api.GoogleAPICallError():
            return f"HTTP {int(error.code)}" if error.code else type(error).__name__
        case _:
            return type(error).__name__
