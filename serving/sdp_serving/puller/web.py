"""Models on a web server: https://.

It can't be asked what lies there: the URI pins the version, and the manifest lists the files.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import requests

from sdp_serving.contract.artifact import MANIFEST, FileEntry, ModelUri, Version
from sdp_serving.contract.report import PullFailure
from sdp_serving.puller import http_body
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.judgement import require_inside
from sdp_serving.puller.manifest import LARGEST, read_manifest, too_large
from sdp_serving.puller.patience import tried
from sdp_serving.puller.storage import PARTS_OVER_A_NETWORK, Part, Stored

_MOST_REDIRECTS: Final = 5
_GOOD: Final = (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)
_GONE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_DENIED: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_FIRST_BYTE: Final = range(1)

Answer = TypeVar("Answer")


class Web:
    """A model's location on a web server."""

    parts_at_once = PARTS_OVER_A_NETWORK

    def __init__(self, uri: ModelUri, *, patience: float) -> None:
        self._uri = uri
        self._patience = patience
        self._session = _Session()

    def folders(self) -> Sequence[str]:
        """None: nothing lists them, and the URI always pins a version."""
        return []

    def files(self, version: Version) -> Mapping[str, Stored]:
        """The manifest, and those of the files that it lists that are there."""
        raw = self._read(version, MANIFEST)
        if raw is None:
            raise PullError(
                PullFailure.MODEL_NOT_FOUND,
                f"there is no {MANIFEST} at {self._uri}, without which no model can be had from a web server: correct"
                " the URI, or export the model with `sdpipeline export` and upload all of it",
            )
        listed = read_manifest(raw, self._uri).files
        require_inside(listed, self._uri)
        found = {path: self._stored(version, path, entry) for path, entry in listed.items()}
        return {MANIFEST: Stored(size=len(raw)), **{path: file for path, file in found.items() if file is not None}}

    def read(self, version: Version, path: str, file: Stored) -> bytes:  # noqa: ARG002 - the storage's, not this one's
        """All bytes of a file."""
        content = self._read(version, path)
        if content is None:
            raise self._changed(path)
        return content

    def stream(self, version: Version, path: str, file: Stored, part: Part) -> None:
        """Download a part of a file."""

        def download() -> None:
            with self._get(version, path, http_body.headers(part.missing)) as answer:
                if answer.status_code in _GONE:
                    raise self._changed(path)
                _require_good(answer)
                if _edition(answer) != file.edition:
                    raise self._changed(path)
                http_body.receive(answer, part)

        self._tried(download, lambda: part.missing.start // http_body.LEAST)

    def _read(self, version: Version, path: str) -> bytes | None:
        def content() -> bytes | None:
            with self._get(version, path, {}) as answer:
                if answer.status_code in _GONE:
                    return None
                _require_good(answer)
                return self._content(answer)

        return self._tried(content)

    def _content(self, answer: requests.Response) -> bytes:
        """The body, of which nobody has told the size yet: of all files, only a manifest is read so."""
        content = b"".join(http_body.chunks(answer, LARGEST + 1, decode=True))
        if len(content) > LARGEST:
            raise too_large(self._uri)
        return content

    def _stored(self, version: Version, path: str, entry: FileEntry) -> Stored | None:
        """What the server says of a file; None when it has none."""

        def stored() -> Stored | None:
            # Not HEAD, which tells less: some servers refuse it, and some promise ranges that they do not send.
            with self._get(version, path, http_body.headers(_FIRST_BYTE)) as answer:
                if answer.status_code in _GONE:
                    return None
                if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    return Stored(size=0, edition=_edition(answer))
                _require_good(answer)
                return Stored(
                    size=_size(answer, otherwise=entry.size),
                    edition=_edition(answer),
                    in_parts=answer.status_code == HTTPStatus.PARTIAL_CONTENT,
                )

        return self._tried(stored)

    def _get(self, version: Version, path: str, headers: Mapping[str, str]) -> requests.Response:
        url = f"https://{quote(self._uri.location, safe='/:%')}/{version}/{quote(path)}"
        return self._session.get(url, headers=headers, timeout=http_body.TIMEOUT, stream=True)

    def _tried(self, call: Callable[[], Answer], position: Callable[[], int] = lambda: 0) -> Answer:
        with self._mapped():
            return tried(call, patience=self._patience, transient=_may_pass, position=position)

    def _changed(self, path: str) -> PullError:
        return PullError(
            PullFailure.MODEL_INCOMPLETE,
            f"{path} of {self._uri} was overwritten or removed while it was read: export each model to a version of its"
            " own",
        )

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        host = self._uri.location.partition("/")[0]
        try:
            yield
        except _RefusedError as error:
            if error.status in _DENIED:
                raise PullError(
                    PullFailure.ACCESS_DENIED,
                    f"{host} denies access to {self._uri} (HTTP {error.status}): let it be read without signing in, or"
                    " use a gs:// URI",
                ) from error
            raise PullError(
                PullFailure.STORAGE_UNAVAILABLE,
                f"{host} does not serve {self._uri} (HTTP {error.status}): check the server and try again",
            ) from error
        except _UnsafeRedirectError as error:
            raise PullError(
                PullFailure.UNUSABLE_URI,
                f"{host} redirects {self._uri} to {error}: give a URI that stays with https://",
            ) from error
        except requests.TooManyRedirects as error:
            raise PullError(
                PullFailure.UNUSABLE_URI, f"{host} redirects {self._uri} in circles: give the URI that it ends at"
            ) from error
        except http_body.TooSlowError as error:
            raise PullError(
                PullFailure.STORAGE_UNAVAILABLE,
                f"{host} is too slow to bring {self._uri} ({error}): check the server and the network",
            ) from error
        except http_body.BROKEN_LINE as error:
            fault = "shows a certificate that is not trusted" if _is_untrusted(error) else "does not answer"
            raise PullError(
                PullFailure.STORAGE_UNAVAILABLE,
                f"{host} {fault} for {self._uri} ({type(error).__name__}): check the server and the network",
            ) from error


class _RefusedError(Exception):
    """The server answered with an error."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _UnsafeRedirectError(Exception):
    """The server sends the puller to an address that is not https://; the text is its scheme."""


class _Session(requests.Session):
    """Follows redirects only where nobody on the way can change what arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.max_redirects = _MOST_REDIRECTS

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where the answer leads to."""
        target = super().get_redirect_target(resp)
        scheme = "https" if target is None else urlsplit(urljoin(resp.url, target)).scheme
        if scheme != "https":
            raise _UnsafeRedirectError(f"{scheme}://")
        return target


def _require_good(answer: requests.Response) -> None:
    if answer.status_code not in _GOOD:
        raise _RefusedError(answer.status_code)


def _edition(answer: requests.Response) -> str | None:
    return answer.headers.get("ETag") or answer.headers.get("Last-Modified")


def _size(answer: requests.Response, *, otherwise: int) -> int:
    if answer.status_code == HTTPStatus.PARTIAL_CONTENT:
        text = answer.headers.get("Content-Range", "").rpartition("/")[2]
    else:
        text = answer.headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"\d{1,15}", text, re.ASCII) else otherwise


def _may_pass(error: Exception) -> bool:
    match error:
        case _RefusedError():
            return error.status in http_body.TRANSIENT_STATUSES
        case requests.TooManyRedirects():
            return False
        case _:
            return isinstance(error, http_body.BROKEN_LINE) and not _is_untrusted(error)


def _is_untrusted(error: Exception) -> bool:
    return isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)
