"""The body of an HTTP answer, into the part of a file that it was asked for."""

import http.client
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

import requests
import urllib3
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

LEAST: Final = 64 << 10
"""Bytes that must come in `_LEAST_SECONDS`: by lines that are slower a model takes days."""
_LEAST_SECONDS: Final = 30.0


class TooSlowError(ConnectionError):
    """A body comes so slowly that it never ends; the text says how slowly."""


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
    for chunk in chunks(answer, passed_over + len(part.missing)):
        part.write(chunk[passed_over:])
        passed_over = max(0, passed_over - len(chunk))
    if part.missing:
        raise ConnectionError("the answer ended early")


def chunks(answer: requests.Response, wanted: int, *, decode: bool = False) -> Iterator[bytes]:
    """The body of a good answer, as it comes.

    Args:
        answer: the answer, of which nothing has been read.
        wanted: the most bytes that are wanted.
        decode: whether it may be compressed.

    Raises:
        one of BROKEN_LINE, after as much as arrived.
    """
    while size := min(_CHUNK, wanted):
        until = time.monotonic() + _LEAST_SECONDS
        chunk = _chunk(answer.raw, size, until, decode)
        if not chunk:
            return
        yield chunk
        wanted -= len(chunk)
        if len(chunk) < min(size, LEAST) and time.monotonic() >= until:
            raise TooSlowError(f"less than {LEAST >> 10} KiB in {_LEAST_SECONDS:.0f} s")


def _chunk(raw: urllib3.HTTPResponse, size: int, until: float, decode: bool) -> bytes:
    """As much of the next `size` bytes as comes until then, before the line breaks; nothing at the body's end."""
    pieces: list[bytes] = []
    missing = size
    try:
        # Not `read`, which waits for all that it is asked for, however slowly that comes.
        while missing and time.monotonic() < until and (piece := raw.read1(missing, decode_content=decode)):
            pieces.append(piece)
            missing -= len(piece)
    except BROKEN_LINE:
        # It is met again, after these.
        if not pieces:
            raise
    return b"".join(pieces)
