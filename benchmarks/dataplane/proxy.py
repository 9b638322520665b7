"""A line to a server that counts what passes."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from sdp_serving.servers.transport import Address

_CHUNK: Final = 1 << 18


@dataclass
class Counted:
    """A line.

    Attributes:
        address: where it begins.
        sent: bytes to the server so far.
        received: bytes from it.
    """

    address: Address
    sent: int = 0
    received: int = 0


@contextmanager
def counting(server: Address) -> Iterator[Counted]:
    """Lead a port of the loopback to a server, for the length of a `with` block."""
    loop, counted = asyncio.new_event_loop(), Counted(Address("", 0))
    listening, stop = threading.Event(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(_listen(server, counted, listening, stop)))
    thread.start()
    listening.wait()
    try:
        yield counted
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _listen(server: Address, counted: Counted, listening: threading.Event, stop: asyncio.Event) -> None:
    connections: set[asyncio.Task[None]] = set()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a coroutine that runs belongs to a task"
        connections.add(task)
        task.add_done_callback(connections.discard)
        with suppress(OSError, asyncio.CancelledError):
            try:
                await _lead(reader, writer, server, counted)
            finally:
                await _close(writer)

    listener = await asyncio.start_server(lead, "127.0.0.1", 0)
    counted.address = Address(*listener.sockets[0].getsockname())
    listening.set()
    await stop.wait()
    listener.close()
    for task in connections:
        task.cancel()
    await asyncio.gather(*connections)


async def _lead(
    from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter, server: Address, counted: Counted
) -> None:
    from_server, to_server = await asyncio.open_connection(*server)

    async def sending() -> None:
        while chunk := await from_client.read(_CHUNK):
            counted.sent += len(chunk)
            to_server.write(chunk)
            await to_server.drain()
        to_server.write_eof()

    async def receiving() -> None:
        while chunk := await from_server.read(_CHUNK):
            counted.received += len(chunk)
            to_client.write(chunk)
            await to_client.drain()
        to_client.write_eof()

    try:
        await asyncio.gather(sending(), receiving())
    finally:
        await _close(to_server)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    # The loop ends with the last connection, and would leave its socket open.
    with suppress(OSError):
        await writer.wait_closed()
