"""Drives a flow: asks the servers what it yields, and sends it their answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sdp_serving.generation.ask import Flow, Progress, Work
from sdp_serving.generation.calls import Answer, Call, Offer
from sdp_serving.generation.errors import PipelineError
from sdp_serving.servers.transport import AsyncTransport, Transport

T = TypeVar("T")


def drive(flow: Flow[T], transport: Transport, on_progress: Callable[[Progress], None]) -> T:
    """What the flow returns.

    Args:
        flow: one that was not begun; it is closed in the end, whatever happens.
        transport: the way to the servers.
        on_progress: is told how far it is; an error that it raises ends the flow.

    Raises:
        PipelineError: what the flow does not know a way out of.
    """
    try:
        event = next(flow)
        while True:
            if isinstance(event, Progress):
                on_progress(event)
                event = flow.send(None)
                continue
            if isinstance(event, Work):
                event.run()
                event = flow.send(None)
                continue
            try:
                reply: Answer | Offer = transport.predict(event) if isinstance(event, Call) else transport.look(event)
            except PipelineError as error:
                event = flow.throw(error)
            else:
                event = flow.send(reply)
    except StopIteration as end:
        found: T = end.value
        return found
    finally:
        flow.close()


async def drive_async(
    flow: Flow[T], transport: AsyncTransport, on_progress: Callable[[Progress], Awaitable[None]]
) -> T:
    """As `drive`, for asyncio. Cancelling it gives up the call that is under way, and leaves the rest undone."""
    try:
        event = next(flow)
        while True:
            if isinstance(event, Progress):
                await on_progress(event)
                event = flow.send(None)
                continue
            if isinstance(event, Work):
                await asyncio.to_thread(event.run)
                event = flow.send(None)
                continue
            try:
                reply: Answer | Offer = (
                    await transport.predict(event) if isinstance(event, Call) else await transport.look(event)
                )
            except PipelineError as error:
                event = flow.throw(error)
            else:
                event = flow.send(reply)
    except StopIteration as end:
        found: T = end.value
        return found
    finally:
        flow.close()
