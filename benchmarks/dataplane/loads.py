"""Many clients at a gateway: with and without batches, and more than it has room for."""

from typing import Final

from benchmarks.common.progress import bar
from benchmarks.dataplane.loop import Load, asking, load, open_session
from benchmarks.dataplane.overhead import PROMPT
from sdp_serving.servers.transport import Address

_BODY: Final = {"prompt": PROMPT, "steps": 20}


async def measure_load(gateway: Address, title: str, *, clients: int, seconds: float) -> Load:
    """Let clients ask for pictures of 20 steps.

    Args:
        gateway: asked for them.
        title: what is shown meanwhile.
        clients: how many ask at a time.
        seconds: for how long.
    """
    async with open_session() as session:
        ask = asking(session, f"http://{gateway}", _BODY)
        # What the gateway learns at its first picture is in no number.
        await ask()
        with bar(title, 1):
            return await load(ask, clients=clients, seconds=seconds)
