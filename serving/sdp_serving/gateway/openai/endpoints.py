"""The endpoints of pictures."""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from sdp_serving.gateway.clients import CLIENT
from sdp_serving.gateway.drawing import Preview
from sdp_serving.gateway.image_store import ImageStore, StoredImage
from sdp_serving.gateway.metrics import Metrics, Outcome
from sdp_serving.gateway.openai.bodies import Body, body_of
from sdp_serving.gateway.openai.event_stream import EventStream
from sdp_serving.gateway.openai.faults import refusal_of_fault
from sdp_serving.gateway.openai.reading import Reader
from sdp_serving.gateway.openai.refusal import RefusedError, refused
from sdp_serving.gateway.openai.requests import GenerationRequest
from sdp_serving.gateway.openai.writing import Kind, answer, completed, partial
from sdp_serving.gateway.paths import IMAGES
from sdp_serving.gateway.queueing.rate_limit import RateLimit
from sdp_serving.gateway.room import Room
from sdp_serving.gateway.studio import Drawn, Studio, Wanted

_QUIET_SECONDS: Final = 10.0
"""How long a stream may send nothing: proxies end connections that are quiet for a minute or so."""

Read = Callable[[web.Request, Body], Awaitable[tuple[GenerationRequest, Wanted]]]


class ImagesApi:
    """Answers requests for pictures."""

    def __init__(
        self,
        reader: Reader,
        studio: Studio,
        *,
        room: Room,
        rate_limit: RateLimit,
        store: ImageStore,
        metrics: Metrics,
        seconds: float,
        now: Callable[[], float],
    ) -> None:
        """Give it its parts.

        Args:
            reader: reads requests.
            studio: draws.
            room: where bodies of requests take their place.
            rate_limit: how many requests each client may send.
            store: where pictures are that clients fetch later.
            metrics: told of each request.
            seconds: how long a request may take in all.
            now: gives seconds since the epoch.
        """
        self._reader = reader
        self._studio = studio
        self._room = room
        self._rate_limit = rate_limit
        self._store = store
        self._metrics = metrics
        self._seconds = seconds
        self._now = now

    async def generations(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/images/generations."""
        return await self._answered(request, "image_generation", self._reader.generation)

    async def edits(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/images/edits."""
        return await self._answered(request, "image_edit", self._reader.edit)

    async def image(self, request: web.Request) -> web.StreamResponse:
        """GET /images/NAME.png."""
        name, _, _ = request.match_info["file"].partition(".")
        found = self._store.get(name)
        if found is None:
            return refused(
                RefusedError(404, "This picture is not kept any more: draw it again, by its receipt", code="not_found")
            )
        headers = {"Content-Type": found.content_type, "Cache-Control": "private", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=found.content, headers=headers)

    async def _answered(self, request: web.Request, kind: Kind, read: Read) -> web.StreamResponse:
        deadline = asyncio.get_running_loop().time() + self._seconds
        with self._metrics.request(kind) as outcome, body_of(request, self._room) as content:
            try:
                self._admit(request[CLIENT])
                async with asyncio.timeout_at(deadline):
                    asked, wants = await read(request, content)
                if asked.stream:
                    return await self._stream(request, kind, asked, wants, outcome, deadline)
                drawn = await self._studio.draw(request[CLIENT], wants, lambda _, __: None, deadline=deadline)
                body = answer(asked, drawn, int(self._now()), lambda file: self._url(request, asked, file))
                answered = web.Response(text=body.model_dump_json(exclude_none=True), content_type="application/json")
            except ConnectionError:
                # The client left.
                raise
            except Exception as fault:  # noqa: BLE001  (the client is told, and the log)
                refusal = refusal_of_fault(fault)
                outcome.code = refusal.status
                return refused(refusal)
            outcome.code = 200
            return answered

    def _admit(self, client: str) -> None:
        # First, so that a request that finds the queue full does not count as one of the client's.
        self._studio.check_room()
        late = self._rate_limit.take(client)
        if late is not None:
            seconds = math.ceil(late)
            raise RefusedError(
                429,
                f"This client has sent its requests of this minute: try again in {seconds} s",
                code="rate_limit_exceeded",
                headers={"Retry-After": str(seconds)},
            )

    async def _stream(
        self,
        request: web.Request,
        kind: Kind,
        asked: GenerationRequest,
        wants: Wanted,
        outcome: Outcome,
        deadline: float,
    ) -> web.StreamResponse:
        stream = EventStream(request)
        try:
            drawn = await self._show_previews(request[CLIENT], kind, wants, stream, deadline)
            for event in completed(kind, asked, drawn, int(self._now())):
                await stream.send(event.type, event)
            outcome.code = 200
        except ConnectionError:
            raise
        except Exception as fault:
            if not stream.has_begun:
                raise
            refusal = refusal_of_fault(fault)
            outcome.code = refusal.status
            await stream.send("error", refusal.body)
        return await stream.end()

    async def _show_previews(
        self, client: str, kind: Kind, wants: Wanted, stream: EventStream, deadline: float
    ) -> Drawn:
        coming = asyncio.Queue[tuple[int, Preview] | None]()
        drawing = asyncio.create_task(
            self._studio.draw(
                client, wants, lambda first, preview: coming.put_nowait((first, preview)), deadline=deadline
            )
        )
        drawing.add_done_callback(lambda _: coming.put_nowait(None))
        shown: Counter[int] = Counter()
        try:
            while True:
                try:
                    came = await asyncio.wait_for(coming.get(), _QUIET_SECONDS)
                except TimeoutError:
                    await stream.send_nothing()
                    continue
                if came is None:
                    return drawing.result()
                first, preview = came
                for event in partial(kind, preview, first, shown[first], int(self._now())):
                    await stream.send(event.type, event)
                shown[first] += 1
        finally:
            drawing.cancel()

    def _url(self, request: web.Request, asked: GenerationRequest, file: bytes) -> str:
        name = self._store.put(StoredImage(file, f"image/{asked.output_format}"))
        told = request.headers.get("X-Forwarded-Proto", "")
        scheme = told if told in {"http", "https"} else request.scheme
        return f"{scheme}://{request.host}{IMAGES}{name}.{asked.output_format}"
