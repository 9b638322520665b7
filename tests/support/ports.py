"""Ports of the loopback for servers that tests start."""

import random
import socket
from contextlib import ExitStack, suppress
from typing import Final

_FIRST: Final = 10_000
_END: Final = 32_768
"""From here on Linux gives ports to connections, which could take one between two starts of its server."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, each another."""
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            port = random.randrange(_FIRST, _END)
            with suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                ports.append(port)
    return ports
