"""Pictures drawn by the model servers: one batch at a time, the calls that it takes one after the other."""

import asyncio
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Canary, RoutedModel
from sdp_serving.contract.signatures import LATENT_FACTOR
from sdp_serving.gateway.model_servers import ModelServers
from sdp_serving.gateway.queueing.scheduler import Ticket
from sdp_serving.gateway.routes_file import RoutesFile
from sdp_serving.generation.ask import Progress, Stage
from sdp_serving.generation.calls import Call
from sdp_serving.generation.decode import Encoding, Pictures, pictures_of
from sdp_serving.generation.encode import Tokenize
from sdp_serving.generation.errors import PipelineError
from sdp_serving.generation.flow import Setting, generate_together, stride_of
from sdp_serving.generation.generation import Generation
from sdp_serving.generation.memory import Memory
from sdp_serving.generation.request import ImageRequest, Size
from sdp_serving.servers.drive import drive_async
from sdp_serving.servers.transport import AsyncTransport


@dataclass(frozen=True)
class Preview:
    """The pictures of an order on their way.

    Attributes:
        files: a JPEG file for each picture.
        size: of each, in pixels.
        step: how many steps are taken.
        steps: how many there are to take.
    """

    files: tuple[bytes, ...]
    size: Size
    step: int
    steps: int


@dataclass(frozen=True)
class Order:
    """Pictures that somebody waits for.

    Attributes:
        request: what to draw.
        encoding: what the decoder is to send.
        canary: the diffusion model that is to draw; None for the stable one.
        previews: how many of each picture are wanted on the way.
        on_preview: is given them.
        on_ask: is told whom each call is for.
    """

    request: ImageRequest
    encoding: Encoding
    canary: Canary | None = None
    previews: int = 0
    on_preview: Callable[[Preview], None] = field(default=lambda _: None)
    on_ask: Callable[[Component], None] = field(default=lambda _: None)


class Drawing:
    """Draws orders together."""

    def __init__(
        self,
        servers: ModelServers,
        *,
        routes: RoutesFile,
        tokenize: Tokenize,
        fresh_seed: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        """Give it its parts.

        Args:
            servers: opens ways to the model servers.
            routes: what the operator tells.
            tokenize: for text encoders that take no text.
            fresh_seed: draws a seed for a request that has none.
            clock: gives seconds that only grow.
        """
        self._servers = servers
        self._tokenize = tokenize
        self._fresh_seed = fresh_seed
        self._clock = clock
        self._routes = routes
        self._memory = Memory()
        self._served: dict[Component, tuple[RoutedModel | None, ...]] = {}

    async def __call__(
        self, tickets: Sequence[Ticket[Order, Generation]], is_drawn: Callable[[], None]
    ) -> Sequence[Generation]:
        """Draw a batch: see `scheduler.Draw`.

        Raises:
            PipelineError: one of its kinds.
        """
        self._forget_replaced()
        first = tickets[0].order
        setting = Setting(
            memory=self._memory,
            tokenize=self._tokenize,
            fresh_seed=self._fresh_seed,
            canary=first.canary,
            # In parts, so that previews can be shown, and the rest be left when nobody waits any more.
            stride=stride_of(first.request.steps),
            encoding=first.encoding,
            clock=self._clock,
        )
        flow = generate_together([ticket.order.request for ticket in tickets], setting)

        def on_ask(component: Component) -> None:
            for ticket in tickets:
                ticket.order.on_ask(component)

        servers = self._servers.open(first.canary, on_ask)
        previews = _Previews(tickets, servers)

        async def on_progress(progress: Progress) -> None:
            if progress.stage is Stage.DENOISING and progress.step == progress.total:
                is_drawn()
            await previews.show(progress)

        try:
            generations = await drive_async(flow, servers, on_progress)
            await previews.finish()
            return generations
        finally:
            previews.stop()
            await servers.close()

    def _forget_replaced(self) -> None:
        """Forget what models could do that others have taken the place of: their versions may be the same."""
        for component, told in self._routes.routes.components.items():
            serves = (told.serving, *told.others)
            if self._served.get(component) != serves:
                self._served[component] = serves
                self._memory.forget(component)


class _Previews:
    """The previews of a batch: one at a time, beside the steps that follow."""

    def __init__(self, tickets: Sequence[Ticket[Order, Generation]], servers: AsyncTransport) -> None:
        self._tickets = tickets
        self._servers = servers
        self._last_step = 0
        self._task: asyncio.Task[None] | None = None

    async def show(self, progress: Progress) -> None:
        """Show what is wanted at this step, once the ones before are shown."""
        before, self._last_step = self._last_step, progress.step
        if progress.preview is None or progress.step == progress.total:
            return
        wanted = [
            (ticket, rows)
            for ticket, rows in self._rows(len(progress.preview.inputs["latent"]))
            if ticket.is_wanted and is_due(before, progress.step, progress.total, ticket.order.previews)
        ]
        if wanted:
            await self.finish()
            self._task = asyncio.create_task(self._show(progress, progress.preview, wanted))

    async def finish(self) -> None:
        """Wait until all are shown."""
        if self._task is not None:
            await self._task

    def stop(self) -> None:
        """Show no more."""
        if self._task is not None:
            self._task.cancel()

    def _rows(self, count: int) -> list[tuple[Ticket[Order, Generation], slice]]:
        rows, at = [], 0
        for ticket in self._tickets:
            end = at + ticket.order.request.images
            if end <= count:
                rows.append((ticket, slice(at, end)))
            at = end
        return rows

    async def _show(
        self, progress: Progress, call: Call, wanted: Sequence[tuple[Ticket[Order, Generation], slice]]
    ) -> None:
        latent = call.inputs["latent"]
        call = replace(call, inputs={"latent": np.concatenate([latent[rows] for _, rows in wanted])})
        try:
            pictures = pictures_of(call, await self._servers.predict(call))
        except PipelineError:
            # What is wrong with the decoder is said when it is asked for the pictures themselves.
            return
        files = await asyncio.to_thread(_jpegs, pictures)
        height, width = (side * LATENT_FACTOR for side in latent.shape[1:3])
        at = 0
        for ticket, rows in wanted:
            end = at + rows.stop - rows.start
            ticket.order.on_preview(Preview(files[at:end], Size(width, height), progress.step, progress.total))
            at = end


def is_due(before: int, now: int, total: int, previews: int) -> bool:
    """Whether one of so many previews, spread evenly between the first step and the last, has come since `before`."""
    return before * (previews + 1) // total < now * (previews + 1) // total


def _jpegs(pictures: Pictures) -> tuple[bytes, ...]:
    if isinstance(pictures.sent, tuple):
        return pictures.sent
    return tuple(_jpeg(pixels) for pixels in pictures.sent)


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG")
    return buffer.getvalue()
