"""How soon a client of a stream sees something."""

import time
from typing import Final

from benchmarks.common.progress import bar
from benchmarks.common.results import Seconds
from benchmarks.dataplane.loop import GENERATIONS, open_session
from benchmarks.dataplane.overhead import PROMPT, NoPictureError
from benchmarks.dataplane.results import Previews
from sdp_serving.servers.transport import Address

_STEPS: Final = 50
_PREVIEWS: Final = 4
_PARTIAL: Final = b"event: image_generation.partial_image"
_COMPLETED: Final = b"event: image_generation.completed"


async def measure_previews(gateway: Address, samples: int) -> Previews:
    """Watch a picture of 50 steps come, with four previews, one after the other.

    Raises:
        NoPictureError: none came.
    """
    body = {"prompt": PROMPT, "steps": _STEPS, "stream": True, "partial_images": _PREVIEWS}
    first: list[float] = []
    whole: list[float] = []
    async with open_session() as session:
        with bar("Previews", samples) as update:
            for sample in range(-1, samples):
                came: dict[bytes, float] = {}
                start = time.perf_counter()
                async with session.post(f"http://{gateway}{GENERATIONS}", json=body) as answer:
                    # Events' data are longer than the lines that aiohttp reads.
                    left = b""
                    async for chunk in answer.content.iter_any():
                        left += chunk
                        for event in (_PARTIAL, _COMPLETED):
                            if event in left:
                                came.setdefault(event, time.perf_counter() - start)
                if came.keys() != {_PARTIAL, _COMPLETED}:
                    raise NoPictureError(f"the gateway's stream (HTTP {answer.status}) had no preview or no picture")
                if sample >= 0:
                    first.append(came[_PARTIAL])
                    whole.append(came[_COMPLETED])
                    update(sample + 1)
    return Previews(steps=_STEPS, first=Seconds.of(first), whole=Seconds.of(whole))
