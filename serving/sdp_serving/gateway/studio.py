"""From a request to finished files: the queue, the drawing and the receipts."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant, choose
from sdp_serving.gateway.drawing import Order, Preview
from sdp_serving.gateway.metrics import Metrics
from sdp_serving.gateway.queueing.scheduler import Part, Scheduler
from sdp_serving.gateway.routes_file import RoutesFile
from sdp_serving.generation.decode import Encoding
from sdp_serving.generation.errors import ServerTimeoutError
from sdp_serving.generation.generation import Generation
from sdp_serving.generation.receipt import ModelReceipt, Receipt
from sdp_serving.generation.request import ImageRequest

_MODEL: Final = Component.DIFFUSION_MODEL


@dataclass(frozen=True)
class Wanted:
    """What a client wants.

    Attributes:
        request: what to draw.
        encoding: of the files.
        quality: of JPEG and WebP files in percent; None for what is usual.
        previews: how many of each picture on the way.
        variant: which diffusion model is to draw; None for any.
    """

    request: ImageRequest
    encoding: Encoding = Encoding.PNG
    quality: int | None = None
    previews: int = 0
    variant: Variant | None = None


@dataclass(frozen=True)
class Finished:
    """A picture.

    Attributes:
        file: the picture, with its receipt in it.
        receipt: what it was made of.
    """

    file: bytes
    receipt: Receipt


@dataclass(frozen=True)
class Drawn:
    """All pictures that a client wanted.

    Attributes:
        pictures: in their order.
        tokens_cut_off: how many of the prompt's say nothing; None where the text encoder does not tell.
        negative_tokens_cut_off: the same of the negative prompt.
    """

    pictures: tuple[Finished, ...]
    tokens_cut_off: int | None
    negative_tokens_cut_off: int | None


OnPreview = Callable[[int, Preview], None]
"""Is given previews, with the number of the first picture that they are of."""


class WaitedTooLongError(Exception):
    """An order's turn did not come in time."""


class Studio:
    """Draws what clients want."""

    def __init__(
        self,
        scheduler: Scheduler[Order, Generation],
        *,
        routes: RoutesFile,
        metrics: Metrics,
        batch_pictures: int,
        draw: Callable[[], float],
        fresh_seed: Callable[[], int],
    ) -> None:
        """Give it its parts.

        Args:
            scheduler: says whose turn it is.
            routes: what the operator tells.
            metrics: told of pictures.
            batch_pictures: how many are drawn together at the most.
            draw: gives a number from 0 up to 1, evenly spread.
            fresh_seed: draws a seed for a request that has none.
        """
        self._scheduler = scheduler
        self._routes = routes
        self._metrics = metrics
        self._batch_pictures = batch_pictures
        self._draw_number = draw
        self._fresh_seed = fresh_seed

    def check_room(self) -> None:
        """See whether another request may wait.

        Raises:
            QueueFullError: it may not.
            StoppingError: none may any more.
        """
        self._scheduler.check_room()

    async def draw(self, client: Hashable, wanted: Wanted, on_preview: OnPreview, *, deadline: float) -> Drawn:
        """Draw all of it.

        Args:
            client: who wants it.
            wanted: what.
            on_preview: is given the previews.
            deadline: when it must be there, by the event loop's clock.

        Raises:
            PipelineError: one of its kinds.
            QueueFullError: so many wait that this one cannot.
            StoppingError: the gateway stops.
            WaitedTooLongError: its turn did not come in time.
        """
        asked: list[Component] = []
        try:
            async with asyncio.timeout_at(deadline):
                return await self._draw(client, wanted, on_preview, asked.append)
        except TimeoutError as late:
            if not asked:
                raise WaitedTooLongError from late
            raise ServerTimeoutError(
                asked[-1], f"the {asked[-1]} was not done in time: ask for fewer pictures or steps, or try again later"
            ) from late

    async def _draw(
        self, client: Hashable, wanted: Wanted, on_preview: OnPreview, on_ask: Callable[[Component], None]
    ) -> Drawn:
        # Once, so that all pictures of a request are of one model.
        canary = self._routes.canary(_MODEL)
        is_canary = choose(canary, wanted.variant, self._draw_number) is Variant.CANARY
        parts, first = [], 0
        for request in divided(wanted.request, self._batch_pictures, self._fresh_seed):
            order = Order(
                request,
                # What is to have a quality of its own is written here.
                encoding=wanted.encoding if wanted.quality is None else Encoding.PNG,
                canary=canary if is_canary else None,
                previews=wanted.previews,
                on_preview=partial(on_preview, first),
                on_ask=on_ask,
            )
            parts.append(Part(order, request.images, _together(order)))
            first += request.images
        return await self._finished(wanted, await self._scheduler.results(client, parts))

    async def _finished(self, wanted: Wanted, generations: list[Generation]) -> Drawn:
        pictures: list[Finished] = []
        for generation in generations:
            known = self._identified(generation)
            pictures += await asyncio.to_thread(_files, known, wanted)
        first = generations[0]
        cut_off = (first.tokens_cut_off or 0) + (first.negative_tokens_cut_off or 0)
        self._metrics.drawn(len(pictures), cut_off)
        return Drawn(tuple(pictures), first.tokens_cut_off, first.negative_tokens_cut_off)

    def _identified(self, generation: Generation) -> Generation:
        told = self._routes.routes.components
        models = {}
        for component, version in generation.versions.items():
            model = told[component].answered(version) if component in told else None
            if model is not None:
                models[component] = ModelReceipt(version=version, uri=model.uri, digest=model.digest)
        return generation.identified(models)


def divided(request: ImageRequest, most: int, fresh_seed: Callable[[], int]) -> list[ImageRequest]:
    """A request as several, each of at most so many pictures; the pictures are the same."""
    if request.images <= most:
        return [request]
    seed = fresh_seed() if request.seed is None else request.seed
    return [
        replace(request, seed=seed + first, images=min(most, request.images - first))
        for first in range(0, request.images, most)
    ]


def _together(order: Order) -> Hashable:
    alike = order.request.together()
    return None if alike is None else (alike, order.encoding, order.canary)


def _files(generation: Generation, wanted: Wanted) -> list[Finished]:
    return [
        Finished(generation.file(index, wanted.encoding, wanted.quality), generation.receipt.of_picture(index))
        for index in range(len(generation))
    ]
