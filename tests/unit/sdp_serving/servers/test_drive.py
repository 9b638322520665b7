import asyncio
import threading

import numpy as np
from tests.support.scripted_servers import ScriptedServers, tokens_of

from sdp_serving.generation.ask import Progress, compute
from sdp_serving.generation.flow import Setting, generate
from sdp_serving.generation.memory import Memory
from sdp_serving.generation.request import ImageRequest, Source
from sdp_serving.servers.drive import drive, drive_async
from sdp_serving.servers.threads import Threaded

PICTURE = np.random.default_rng(1).integers(0, 256, (90, 70, 3), np.uint8)


async def tell_nobody(_: Progress) -> None:
    pass


def test_what_takes_a_while_is_computed_in_a_thread_beside_an_event_loop() -> None:
    async def computed() -> int:
        return await drive_async(compute(threading.get_ident), Threaded(ScriptedServers()), tell_nobody)

    assert asyncio.run(computed()) != threading.get_ident()
    assert drive(compute(threading.get_ident), ScriptedServers(), lambda _: None) == threading.get_ident()


def test_a_picture_is_drawn_over_alike_with_and_without_an_event_loop() -> None:
    request = ImageRequest(prompt="red", seed=1, steps=2, source=Source(PICTURE, PICTURE[..., 0]))
    setting = Setting(Memory(), tokens_of, lambda: 7)

    made = drive(generate(request, setting), ScriptedServers(), lambda _: None)
    beside = asyncio.run(drive_async(generate(request, setting), Threaded(ScriptedServers()), tell_nobody))

    assert np.array_equal(made.images, beside.images)
    assert made.receipt == beside.receipt
