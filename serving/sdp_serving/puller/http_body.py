"""The body of an HTTP answer, into the part of a file that it was asked for."""

import http.client
from http import HTTPStatus
from typing import Final

import requests
import urllib3.exceptions

from sdp_serving.puller.storage import Part

TIMEOUT: Final = (5.0, 30.0)
"""Seconds to connect, and to wait for the next byte."""

TRANSIENT_STATUSES: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)

BROKEN_LINE: Final = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    ConnectionError,
)
"""What is raised when no answer comes, or not all of it."""

_CHUNK: Final = 1 << 20


def headers(missing: range) -> dict[str, str]:
    """What to ask with, for these bytes as they are stored."""
    return {"Range": f"bytes={missing.start}-{missing.stop - 1}", "Accept-Encoding": "identity"}


def receive(answer: requests.Response, part: Part) -> None:
    """Write the missing bytes of a part, out of a good answer to a request with `headers`.

    Raises:
        one of BROKEN_LINE, after as much as arrived.
    """
    # Who knows no ranges sends the whole file.
    passed_over = part.missing.start if answer.status_code == HTTPStatus.OK else 0
    while part.missing:
        chunk = answer.raw.read(min(_CHUNK, passed_over + len(part.missing)), decode_content=False)
        if not chunk:
            raise ConnectionError("the answer ended early")
        part.write(chunk[passed_over:])
        passed_over = max(0, passed_over - len(chunk))
