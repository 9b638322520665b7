"""How a model is to come to its pods, and why in this way."""

from dataclasses import dataclass
from typing import Final, Literal

from sdp_operator.swap.gpu_memory import GIB
from sdp_operator.swap.state import Choice, SwapState

Asked = Literal["Auto", "InPlace", "Surge", "Drain"]
"""What swap.strategy says."""

RollStrategy = Literal["Surge", "Drain"]

_ON_CPU: Final = 1.5
_ON_GPU: Final = 1.2
"""What a model takes of memory, by the size of its files: the weights, and what is made of them to be computed with."""

_BESIDE_ON_CPU: Final = 1 * GIB
_BESIDE_ON_GPU: Final = 4 * GIB
"""What the server takes beside the models: on a GPU, mostly for the images that are being drawn."""


@dataclass(frozen=True)
class Room:
    """What decides whether there is room for a second model, and where.

    Attributes:
        barrier: why the model can't come into the pods that run, whatever their memory; None when it can.
        is_served: whether any replica answers.
        gpus: GPUs of each replica.
        gpu_memory: bytes of the GPUs that the server may take; None where that is not known.
        memory_limit: bytes of memory that the server may take; None where nothing limits it.
        size: bytes of both models; None where that is not known.
        has_free_gpus: whether a replica more would find its GPUs; None where that can't be seen.
    """

    barrier: str | None = None
    is_served: bool = True
    gpus: int = 0
    gpu_memory: int | None = None
    memory_limit: int | None = None
    size: int | None = None
    has_free_gpus: bool | None = None


def choose(asked: Asked, room: Room, *, in_place_failed: str | None = None) -> Choice:
    """The strategy of a swap.

    Args:
        asked: what the spec says.
        room: what there is room for.
        in_place_failed: why the model can't be brought in beside the running one, as was found by trying.
    """
    against = in_place_failed or room.barrier or (None if room.is_served else "no replica answers requests")
    if asked == "InPlace" and against is None:
        return Choice(strategy="InPlace", reason="swap.strategy says so")
    if asked in {"Surge", "Drain"}:
        return Choice(strategy=asked, reason="swap.strategy says so")
    if not room.is_served:
        return Choice(strategy="Drain", reason="no replica answers requests that could be interrupted")
    lack = against or _lacks_memory(room)
    if lack is None:
        return Choice(strategy="InPlace", reason=_holds_both(room))
    return _roll(room, lack)


def choose_for_canary(asked: Asked, room: Room, *, in_place_failed: str | None = None) -> Choice:
    """How a canary comes: into the pods that run, or, as Surge begins, in a replica of its own beside them.

    Args:
        asked: what the spec says of swaps.
        room: what there is room for.
        in_place_failed: why it can't be brought in beside the running model, as was found by trying.
    """
    against = in_place_failed or room.barrier
    if asked == "InPlace" and against is None:
        return Choice(strategy="InPlace", reason="swap.strategy says so")
    if asked in {"Surge", "Drain"}:
        return Choice(strategy="Surge", reason=f"swap.strategy is {asked}")
    lack = against or _lacks_memory(room)
    if lack is None:
        return Choice(strategy="InPlace", reason=_holds_both(room))
    return Choice(strategy="Surge", reason=lack)


def roll_strategy(asked: Asked, state: SwapState | None, there: RollStrategy | None, room: Room) -> RollStrategy:
    """How pods make room for the ones that follow them, whatever changes of them.

    Args:
        asked: what the spec says.
        state: what is remembered of the models; None for the first pods.
        there: how the Deployment has it, as long as its pods are as wanted; None where they are not.
        room: what there is room for.
    """
    if asked == "Surge" or asked == "Drain":
        return asked
    choice = None if state is None or state.serving.settled is not None else state.serving.choice
    if choice is not None and choice.strategy != "InPlace":
        return choice.strategy
    if there is not None:
        return there
    return "Drain" if room.gpus and room.has_free_gpus is False else "Surge"


def _roll(room: Room, lack: str) -> Choice:
    if not room.gpus:
        return Choice(strategy="Surge", reason=f"{lack}, and no GPU is asked for")
    if room.has_free_gpus is None:
        return Choice(strategy="Surge", reason=f"{lack}, and which GPUs are free can't be seen")
    if room.has_free_gpus:
        return Choice(strategy="Surge", reason=f"{lack}, and there are free GPUs for a new replica")
    return Choice(strategy="Drain", reason=f"{lack}, and there are no free GPUs for a new replica")


def _lacks_memory(room: Room) -> str | None:
    """Why the servers' memory may not hold both models."""
    if not room.gpus:
        if room.memory_limit is None:
            return None
        return _falls_short(room, "memory", room.memory_limit)
    if room.gpu_memory is None:
        return "how much memory the GPUs have is not known"
    return _falls_short(room, "GPU memory", room.gpu_memory)


def _falls_short(room: Room, kind: str, there: int) -> str | None:
    if room.size is None:
        return "how large the models are is not known"
    needed = _needed(room, room.size)
    if there >= needed:
        return None
    return f"both models need {_gib(needed)} of {kind}, and the server has {_gib(there)}"


def _needed(room: Room, size: int) -> float:
    return _ON_GPU * size + _BESIDE_ON_GPU if room.gpus else _ON_CPU * size + _BESIDE_ON_CPU


def _holds_both(room: Room) -> str:
    if room.gpus:
        return "the GPUs' memory holds both models"
    return "no memory limit is set" if room.memory_limit is None else "the memory limit leaves room for both models"


def _gib(amount: float) -> str:
    return f"{amount / GIB:.1f} GiB"
