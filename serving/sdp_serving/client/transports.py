"""The transports that lead to where a connection says that everything is."""

import asyncio
from collections.abc import Mapping

from sdp_serving.client.connection import Connection, Protocol
from sdp_serving.contract.components import Component
from sdp_serving.servers.grpc_aio_transport import GrpcAioTransport
from sdp_serving.servers.grpc_transport import GrpcTransport
from sdp_serving.servers.local import LocalTransport
from sdp_serving.servers.rest_transport import RestTransport
from sdp_serving.servers.router import AsyncRouter, Router
from sdp_serving.servers.threads import Threaded
from sdp_serving.servers.transport import Address, AsyncTransport, Transport


def open_transport(found: Connection) -> Transport:
    """The way there.

    Raises:
        NoLocalModelError: a folder holds no model, or TensorFlow is missing.
    """
    local = LocalTransport(found.folders)
    make = GrpcTransport if found.protocol is Protocol.GRPC else RestTransport

    def lead(addresses: Mapping[Component, Address]) -> Transport:
        return make(addresses, timeout=found.timeout)

    canary = None if found.canary_address is None else lead({Component.DIFFUSION_MODEL: found.canary_address})
    return Router(lead(found.addresses), canary=canary, others=dict.fromkeys(found.folders, local))


async def open_async_transport(found: Connection) -> AsyncTransport:
    """The same for asyncio.

    Raises:
        NoLocalModelError: a folder holds no model, or TensorFlow is missing.
    """
    local = Threaded(await asyncio.to_thread(LocalTransport, found.folders))

    def lead(addresses: Mapping[Component, Address]) -> AsyncTransport:
        if found.protocol is Protocol.GRPC:
            return GrpcAioTransport(addresses, timeout=found.timeout)
        return Threaded(RestTransport(addresses, timeout=found.timeout))

    canary = None if found.canary_address is None else lead({Component.DIFFUSION_MODEL: found.canary_address})
    return AsyncRouter(lead(found.addresses), canary=canary, others=dict.fromkeys(found.folders, local))
