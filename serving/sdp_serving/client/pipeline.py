"""A pipeline as a function from a prompt to pictures."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Final, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from sdp_serving.client.connection import Connection, Where, connection
from sdp_serving.client.options import Options, request_of
from sdp_serving.client.origins import Origins
from sdp_serving.client.transports import open_async_transport, open_transport
from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Canary, Variant, choose
from sdp_serving.contract.tokenizer import Tokenizer
from sdp_serving.generation.ask import Flow, Progress
from sdp_serving.generation.decode import Encoding, pictures_of
from sdp_serving.generation.encode import Tokenize
from sdp_serving.generation.flow import Setting, generate, stride_of
from sdp_serving.generation.generation import Generation
from sdp_serving.generation.memory import Memory
from sdp_serving.generation.receipt import ModelReceipt
from sdp_serving.generation.request import ImageRequest
from sdp_serving.servers.drive import drive, drive_async
from sdp_serving.servers.transport import AsyncTransport, Transport

T = TypeVar("T")

SEEDS: Final = 1 << 32
"""Seeds are chosen below this, so that one can be typed again; models take any below 2^63."""


class Drawer:
    """What `Pipeline` and `AsyncPipeline` share: everything but the way to the servers."""

    def __init__(
        self,
        *,
        tokenize: Tokenize | None = None,
        canary: Canary | None = None,
        variant: Variant | None = None,
        origins: Origins | None = None,
        draw: Callable[[], float] = random.random,
        fresh_seed: Callable[[], int] = lambda: secrets.randbelow(SEEDS),
    ) -> None:
        """Remember nothing yet.

        Args:
            tokenize: turns prompts into tokens, for text encoders that take no text; CLIP's when left out.
            canary: a second diffusion model, which takes a part of the requests.
            variant: the diffusion model that takes all of them instead.
            origins: where the models came from; receipts tell of versions only when left out.
            draw: gives a number from 0 up to 1, evenly spread.
            fresh_seed: gives a seed for pictures for which none is asked.
        """
        self._tokenize = Tokenizer().encode if tokenize is None else tokenize
        self._canary = canary
        self._variant = variant
        self._origins = origins
        self._draw = draw
        self._fresh_seed = fresh_seed
        self._memory = Memory()

    def flow(self, request: ImageRequest, encoding: Encoding | None, *, is_watched: bool) -> Flow[Generation]:
        """Draw the pictures of a request, by the model whose turn it is."""
        is_canary = choose(self._canary, self._variant, self._draw) is Variant.CANARY
        setting = Setting(
            memory=self._memory,
            tokenize=self._tokenize,
            fresh_seed=self._fresh_seed,
            canary=self._canary if is_canary else None,
            stride=stride_of(request.steps) if is_watched else None,
            encoding=encoding,
        )
        return generate(request, setting)

    def identified(self, generation: Generation) -> Generation:
        """The same, with a receipt that tells where the models came from."""
        found = {}
        for component, version in generation.versions.items():
            is_canary = component is Component.DIFFUSION_MODEL and generation.variant is Variant.CANARY
            if is_canary and self._canary is not None:
                found[component] = ModelReceipt(version=version, uri=self._canary.model)
            elif self._origins is not None:
                found[component] = self._origins.receipt(component, version)
        return generation.identified(found)


class Pipeline:
    """Model servers, used in turn. Threads may share it."""

    @classmethod
    @contextmanager
    def connect(cls, name: str | None = None, **where: Unpack[Where]) -> "Iterator[Pipeline]":
        """Connect to a pipeline in a cluster, or to servers by their addresses.

        Args:
            name: of the StableDiffusionPipeline; the only one of the namespace when left out.
            **where: see `Where`.

        Raises:
            NoCanaryError: the canary is asked for, and there is none.
            KubectlError: kubectl is missing, or the cluster does not answer.
            PipelineNotFoundError: there is no such pipeline.
            PipelineNotReadyError: it cannot serve yet.
            NoLocalModelError: a folder holds no model, or TensorFlow is missing.
        """
        with connection(name, where) as found:
            transport = open_transport(found)
            try:
                yield cls(transport, _drawer(found))
            finally:
                transport.close()

    def __init__(self, transport: Transport, drawer: Drawer | None = None) -> None:
        """Use the servers that `transport` leads to.

        Args:
            transport: the way to the servers.
            drawer: what decides all else.
        """
        self._transport = transport
        self._drawer = Drawer() if drawer is None else drawer

    def generate(
        self,
        prompt: str,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        encoding: Encoding | None = Encoding.PNG,
        **options: Unpack[Options],
    ) -> Generation:
        """Make pictures of a prompt. Equal arguments, with a seed, give equal pictures from equal models.

        Args:
            prompt: what to show; CLIP reads no more than its first 75 tokens.
            on_progress: called as each stage begins and after every few steps, which it costs to stop for; an error
                that it raises leaves the remaining steps undone.
            encoding: how the pictures are to travel; None for pixels. JPEG takes the fewest bytes, and loses a little.
            **options: see `Options`.

        Raises:
            InvalidRequestError: no model could do it.
            NotOfferedError: the models that are served can't do it.
            ServerError: one of its kinds.
        """
        flow = self._drawer.flow(request_of(prompt, options), encoding, is_watched=on_progress is not None)
        generation = drive(flow, self._transport, on_progress or (lambda _: None))
        return self._drawer.identified(generation)

    def preview(self, progress: Progress) -> NDArray[np.uint8] | None:
        """The pictures as they are now, uint8 [pictures, h, w, 3]; None where there is nothing to see yet.

        Raises:
            ServerError: one of its kinds.
        """
        call = progress.preview
        return None if call is None else pictures_of(call, self._transport.predict(call)).pixels


class AsyncPipeline:
    """As `Pipeline`, for asyncio. Cancelling a generation leaves its remaining steps undone."""

    @classmethod
    @asynccontextmanager
    async def connect(cls, name: str | None = None, **where: Unpack[Where]) -> "AsyncIterator[AsyncPipeline]":
        """As `Pipeline.connect`."""
        async with in_threads(connection(name, where)) as found:
            transport = await open_async_transport(found)
            try:
                yield cls(transport, _drawer(found))
            finally:
                await transport.close()

    def __init__(self, transport: AsyncTransport, drawer: Drawer | None = None) -> None:
        """As `Pipeline`."""
        self._transport = transport
        self._drawer = Drawer() if drawer is None else drawer

    async def generate(
        self,
        prompt: str,
        *,
        on_progress: Callable[[Progress], Awaitable[None]] | None = None,
        encoding: Encoding | None = Encoding.PNG,
        **options: Unpack[Options],
    ) -> Generation:
        """As `Pipeline.generate`.

        Raises:
            InvalidRequestError: no model could do it.
            NotOfferedError: the models that are served can't do it.
            ServerError: one of its kinds.
        """
        request = await asyncio.to_thread(request_of, prompt, options)
        flow = self._drawer.flow(request, encoding, is_watched=on_progress is not None)
        generation = await drive_async(flow, self._transport, on_progress or _pass)
        return await asyncio.to_thread(self._drawer.identified, generation)

    async def preview(self, progress: Progress) -> NDArray[np.uint8] | None:
        """As `Pipeline.preview`.

        Raises:
            ServerError: one of its kinds.
        """
        call = progress.preview
        return None if call is None else pictures_of(call, await self._transport.predict(call)).pixels


async def _pass(_: Progress) -> None:
    """Tell nobody."""


def _drawer(found: Connection) -> Drawer:
    return Drawer(canary=found.canary, variant=found.variant, origins=found.origins)


@asynccontextmanager
async def in_threads(blocking: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave a context manager that blocks."""
    entering = asyncio.create_task(asyncio.to_thread(blocking.__enter__))
    try:
        entered = await asyncio.shield(entering)
    except asyncio.CancelledError:
        # The thread can't be stopped: what it enters all the same is left again.
        await entering
        await asyncio.to_thread(blocking.__exit__, None, None, None)
        raise
    try:
        yield entered
    except BaseException as error:
        if not await asyncio.to_thread(blocking.__exit__, type(error), error, error.__traceback__):
            raise
    else:
        await asyncio.to_thread(blocking.__exit__, None, None, None)
