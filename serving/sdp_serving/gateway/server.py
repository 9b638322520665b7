"""Runs the gateway until it is told to stop."""

import asyncio
import logging
import random
import signal
import time
from typing import Final

from aiohttp import web

from sdp_serving.gateway.access_log import LOGGER, AccessLogger
from sdp_serving.gateway.app import application
from sdp_serving.gateway.config import Config
from sdp_serving.gateway.session import open_session
from sdp_serving.servers.transport import Address

GRACE_SECONDS: Final = 25
"""How long requests under way may take once the gateway is told to stop."""

_log = logging.getLogger(__name__)


async def run(config: Config, address: Address) -> None:
    """Serve until SIGTERM or SIGINT, and then finish what is under way.

    Raises:
        OSError: the address is not to be had.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_session() as session:
        runner = web.AppRunner(
            application(config, session, clock=time.monotonic, draw=random.random, now=time.time),
            access_log=LOGGER,
            access_log_class=AccessLogger,
            # Bodies are passed on as they come, compressed or not.
            auto_decompress=False,
            # A client that leaves ends its request to the model server too.
            handler_cancellation=True,
            shutdown_timeout=GRACE_SECONDS,
        )
        await runner.setup()
        await web.TCPSite(runner, address.host, address.port).start()
        _log.info("Listening on %s for %s", address, ", ".join(config.servers))
        await stop.wait()
        _log.info("Stopping: requests under way have %d s to end", GRACE_SECONDS)
        await _finish(runner)


async def _finish(runner: web.AppRunner) -> None:
    try:
        # aiohttp grants a second time as long to those that it has cancelled.
        async with asyncio.timeout(GRACE_SECONDS + 1):
            await runner.cleanup()
    except TimeoutError:
        _log.warning("Requests that were still under way are cut off")
