"""Which of a component's models a request goes to. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from sdp_serving.contract.routes import Canary, Variant, choose
from sdp_serving.gateway.paths import Call


@dataclass(frozen=True)
class Way:
    """Where a request goes.

    Attributes:
        path: what to ask the model server for.
        variant: which model that is.
        host: the model server, where that is not the component's.
        instead: where else to go when the model server knows no such model, or is away with its host.
    """

    path: str
    variant: Variant
    host: str | None = None
    instead: "Way | None" = None


def find_way(call: Call, canary: Canary | None, asked: Variant | None, draw: Callable[[], float]) -> Way:
    """Where a call goes.

    Args:
        call: a call that itself names a model, or runs none, goes to where it says.
        canary: the component's.
        asked: what the request asks for.
        draw: gives a number from 0 up to 1, evenly spread.
    """
    stable = Way(call.path, Variant.STABLE)
    if canary is None:
        return stable
    if call.names_model:
        is_canary = call.version is not None and call.version == canary.version
        return Way(call.path, Variant.CANARY) if is_canary else stable
    if call.is_prediction and choose(canary, asked, draw) is Variant.CANARY:
        path = call.path if canary.version is None else call.at_version(canary.version)
        return Way(path, Variant.CANARY, host=canary.host, instead=stable)
    return stable
