"""The bodies of requests, read with limits, and the room that they and what is in them take."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from sdp_serving.gateway.openai.refusal import RefusedError
from sdp_serving.gateway.room import Room

MOST_JSON_BYTES: Final = 1024 * 1024
MOST_FILE_BYTES: Final = 16 * 1024 * 1024
MOST_FIELD_BYTES: Final = 256 * 1024
"""Four bytes for each of the characters that a prompt may have, and more."""

_MOST_PARTS: Final = 64
# All that aiohttp raises for parts that are none.
_MALFORMED: Final = (ValueError, AssertionError, RuntimeError, HttpProcessingError)
_FILES: Final = {"image": "image", "image[]": "image", "mask": "mask"}


@dataclass(frozen=True)
class Form:
    """The body of an edit.

    Attributes:
        fields: by name.
        image: the file.
        mask: the file, if there is one.
    """

    fields: dict[str, str]
    image: bytes
    mask: bytes | None


class Body:
    """The body of one request; what is kept of it takes its place in a room until the request is answered."""

    def __init__(self, request: web.Request, room: Room) -> None:
        self._request = request
        self._room = room
        self._taken = 0

    async def json(self) -> bytes:
        """A body of JSON.

        Raises:
            RefusedError: it is none, or too large.
        """
        self._refuse_encodings()
        if self._request.content_type != "application/json":
            raise RefusedError(
                415, "The body must be JSON: say so by `Content-Type: application/json`", code="unsupported_media_type"
            )
        content = bytearray()
        async for piece in self._request.content.iter_any():
            self._add(content, piece, MOST_JSON_BYTES, "body")
        return bytes(content)

    async def form(self) -> Form:
        """A body of multipart/form-data.

        Raises:
            RefusedError: it is none, or too large, or has no image.
        """
        self._refuse_encodings()
        if self._request.content_type != "multipart/form-data":
            raise RefusedError(
                415,
                "The body must be multipart/form-data, with the file `image`",
                code="unsupported_media_type",
            )
        try:
            fields, files = await self._parts()
        except _MALFORMED as error:
            raise RefusedError(
                400, "The body is no multipart/form-data: send one, each part with a name", code="invalid_form"
            ) from error
        if "image" not in files:
            raise RefusedError(
                400, "The file image is missing: send it", param="image", code="missing_required_parameter"
            )
        return Form(fields, files["image"], files.get("mask"))

    def unpacked(self, size: int) -> None:
        """Take the place of the pixels that were in it, of so many bytes.

        Raises:
            RefusedError: there is none.
        """
        self._take(size)

    def let_go(self) -> None:
        """Make room for others."""
        self._room.give(self._taken)
        self._taken = 0

    async def _parts(self) -> tuple[dict[str, str], dict[str, bytes]]:
        fields: dict[str, str] = {}
        files: dict[str, bytes] = {}
        reader = await self._request.multipart()
        for _ in range(_MOST_PARTS):
            part = await reader.next()
            if part is None:
                return fields, files
            if not isinstance(part, BodyPartReader) or part.name is None:
                raise ValueError("a part without a name, or with parts of its own")
            name = _FILES.get(part.name, part.name)
            if name in fields or name in files:
                raise RefusedError(400, f"{name} is there twice: send one", param=name, code="invalid_value")
            if part.name in _FILES:
                files[name] = await self._content(part, MOST_FILE_BYTES, name)
            else:
                fields[name] = (await self._content(part, MOST_FIELD_BYTES, name)).decode()
        raise RefusedError(400, f"The body has more than {_MOST_PARTS} parts: send fewer", code="invalid_form")

    async def _content(self, part: BodyPartReader, most: int, name: str) -> bytes:
        content = bytearray()
        while piece := await part.read_chunk():
            self._add(content, piece, most, name)
        return bytes(content)

    def _add(self, content: bytearray, piece: bytes, most: int, name: str) -> None:
        if len(content) + len(piece) > most:
            raise RefusedError(
                413, f"The {name} is too large: send at most {most // 1024} KiB", param=name, code="too_large"
            )
        self._take(len(piece))
        content += piece

    def _take(self, size: int) -> None:
        if not self._room.take(size):
            raise RefusedError(
                503,
                "There is no room for the request now: try again later",
                code="no_room",
                headers={"Retry-After": "10"},
            )
        self._taken += size

    def _refuse_encodings(self) -> None:
        encoding = self._request.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise RefusedError(415, "The body is compressed: send it as it is", code="unsupported_media_type")


@contextmanager
def body_of(request: web.Request, room: Room) -> Iterator[Body]:
    """The body of a request, of which nothing is kept after the block."""
    body = Body(request, room)
    try:
        yield body
    finally:
        body.let_go()
