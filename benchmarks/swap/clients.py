"""The applications that the load stands for."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from benchmarks.swap.load import Ask
from benchmarks.swap.models import Picture
from benchmarks.swap.rig import Rig
from benchmarks.swap.ways import NAME
from sdp_serving.client.pipeline import Pipeline
from sdp_serving.contract.components import DRAWING, GRPC_PORT, REST_PORT, Component
from sdp_serving.servers.grpc_transport import GrpcTransport
from sdp_serving.servers.rest_transport import RestTransport
from sdp_serving.servers.transport import Address, Transport

_PROMPT: Final = "a large red circle on a blue background"
_SEED: Final = 3
_STEPS: Final = 4
"""The fewest after which a picture shows what was asked for."""
_GATEWAY_PORT: Final = 80
_TIMEOUT: Final = 120.0

_Servers = Mapping[Component, Address]


@contextmanager
def asking(rig: Rig, *, gateway: bool) -> Iterator[Ask]:
    """Give what asks for a picture of one prompt and seed.

    Every other time it does so over a connection that is kept, as a service does that asks all day, and else over new
    ones, as curl does. A kept one stays with its pod until that has gone.
    """
    if gateway:
        servers: _Servers = dict.fromkeys(DRAWING, Address(rig.address_of(f"{NAME}-gateway"), _GATEWAY_PORT))
        kept: Transport = RestTransport(servers, timeout=_TIMEOUT)
    else:
        servers = _services(rig, REST_PORT)
        kept = GrpcTransport(_services(rig, GRPC_PORT), timeout=_TIMEOUT)
    turns = itertools.count()

    def ask() -> Picture:
        if next(turns) % 2:
            return _draw(kept)
        new = RestTransport(servers, timeout=_TIMEOUT)
        try:
            return _draw(new)
        finally:
            new.close()

    try:
        yield ask
    finally:
        kept.close()


def _services(rig: Rig, port: int) -> _Servers:
    return {component: Address(rig.address_of(f"{NAME}-{component}"), port) for component in DRAWING}


def _draw(transport: Transport) -> Picture:
    picture: Picture = Pipeline(transport).generate(_PROMPT, seed=_SEED, steps=_STEPS).images[0]
    return picture
