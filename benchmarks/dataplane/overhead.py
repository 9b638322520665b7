"""What the gateway adds to the model calls that it makes."""

import time
from collections.abc import Sequence
from typing import Final

from benchmarks.common.progress import bar
from benchmarks.common.results import Seconds
from benchmarks.dataplane.loop import ANSWERED, asking, open_session
from benchmarks.dataplane.results import Overhead
from benchmarks.dataplane.servers import ModelServer
from sdp_serving.contract.components import DRAWING
from sdp_serving.contract.tokenizer import Tokenizer
from sdp_serving.generation.ask import Progress
from sdp_serving.generation.calls import Answer, Call, Look, Offer
from sdp_serving.generation.flow import Setting, generate, stride_of
from sdp_serving.generation.memory import Memory
from sdp_serving.generation.request import ImageRequest
from sdp_serving.servers.drive import drive_async
from sdp_serving.servers.grpc_aio_transport import GrpcAioTransport
from sdp_serving.servers.transport import Address

PROMPT: Final = "a large red circle on a blue background"
_SEED: Final = 3
_TIMEOUT: Final = 600.0
_WARM_UP: Final = 5


class NoPictureError(Exception):
    """A gateway did not answer with a picture; the text says what it did instead."""


async def measure_overhead(server: ModelServer, gateway: Address, *, steps: int, samples: int) -> Overhead:
    """Draw one picture, by model calls and through the gateway in turn.

    Args:
        server: has sd-tiny.
        gateway: in front of it.
        steps: of the picture.
        samples: how often.

    Raises:
        NoPictureError: the gateway did not answer with one.
    """
    servers = GrpcAioTransport(dict.fromkeys(DRAWING, server.grpc), timeout=_TIMEOUT)
    body = {"prompt": PROMPT, "seed": _SEED, "steps": steps}
    three: list[float] = []
    same: list[float] = []
    through: list[float] = []
    try:
        three_calls = await _calls(servers, steps, stride=None)
        same_calls = await _calls(servers, steps, stride=stride_of(steps))
        async with open_session() as session:
            ask = asking(session, f"http://{gateway}", body)
            with bar(f"One picture of {steps} steps, by model calls and by the gateway", samples) as update:
                for sample in range(-_WARM_UP, samples):
                    times = (await _seconds(servers, three_calls), await _seconds(servers, same_calls), await ask())
                    if times[2].kind != ANSWERED:
                        raise NoPictureError(f"the gateway answered {times[2].kind} instead of a picture")
                    if sample >= 0:
                        three.append(times[0])
                        same.append(times[1])
                        through.append(times[2].seconds)
                        update(sample + 1)
    finally:
        await servers.close()
    return Overhead(
        steps=steps,
        three_calls=Seconds.of(three),
        calls=len(same_calls),
        same_calls=Seconds.of(same),
        gateway=Seconds.of(through),
    )


class _Listening:
    """Notes the calls that are made."""

    def __init__(self, servers: GrpcAioTransport) -> None:
        self.calls: list[Call] = []
        self._servers = servers

    async def predict(self, call: Call) -> Answer:
        self.calls.append(call)
        return await self._servers.predict(call)

    async def look(self, look: Look) -> Offer:
        return await self._servers.look(look)

    async def close(self) -> None:
        await self._servers.close()


async def _calls(servers: GrpcAioTransport, steps: int, *, stride: int | None) -> Sequence[Call]:
    """The calls of one picture, of those who have drawn before and remember what does not change."""
    listening = _Listening(servers)
    setting = Setting(memory=Memory(), tokenize=Tokenizer().encode, fresh_seed=lambda: _SEED, stride=stride)
    for _ in range(2):
        listening.calls.clear()
        await drive_async(generate(ImageRequest(prompt=PROMPT, seed=_SEED, steps=steps), setting), listening, _pass)
    return listening.calls


async def _seconds(servers: GrpcAioTransport, calls: Sequence[Call]) -> float:
    start = time.perf_counter()
    for call in calls:
        await servers.predict(call)
    return time.perf_counter() - start


async def _pass(_: Progress) -> None:
    """Tell nobody."""
