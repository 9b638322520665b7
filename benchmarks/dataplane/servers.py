"""The servers as the programs that they are: a stand-in for TensorFlow Serving with all components, and the gateway."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.common.machine import REPOSITORY
from devcluster.errors import ClusterError
from devcluster.processes import tied
from devcluster.waiting import last_lines, wait_for
from sdp_serving.contract.components import DRAWING
from sdp_serving.servers.transport import Address

_LOOPBACK: Final = "127.0.0.1"
_START_SECONDS: Final = 180
_REST_MILLISECONDS: Final = 600_000
"""TensorFlow Serving's own half a minute may be too little for the seed's JSON where others use the machine too."""


@dataclass(frozen=True)
class ModelServer:
    """Where all components are served."""

    grpc: Address
    rest: Address


@contextmanager
def model_server(models: Path) -> Iterator[ModelServer]:
    """Serve the components that have a folder each in `models`, for the length of a `with` block.

    Raises:
        ClusterError: it did not come.
    """
    grpc, rest = (Address(_LOOPBACK, port) for port in _free_ports(2))
    config = models / "models.config"
    listed = (f'config {{ name: "{one}" base_path: "{models / one}" model_platform: "tensorflow" }}' for one in DRAWING)
    config.write_text(f"model_config_list {{ {' '.join(listed)} }}")
    flags = (
        f"--port={grpc.port}",
        f"--rest_api_port={rest.port}",
        f"--model_config_file={config}",
        f"--rest_api_timeout_in_ms={_REST_MILLISECONDS}",
    )
    with _running("sdp_serving.standin", flags, models / "server.log", [grpc, rest]):
        yield ModelServer(grpc, rest)


@contextmanager
def gateway(server: ModelServer, log: Path, *flags: str) -> Iterator[Address]:
    """Run a gateway in front of a server, for the length of a `with` block.

    Args:
        server: has all components.
        log: what the gateway writes.
        flags: besides those of addresses.

    Raises:
        ClusterError: it did not come.
    """
    [port] = _free_ports(1)
    address = Address(_LOOPBACK, port)
    components = [f"--component={component}=http://{server.rest}" for component in DRAWING]
    grpc = [f"--grpc={component}={server.grpc}" for component in DRAWING]
    with _running("sdp_serving.gateway", (f"--address={address}", *components, *grpc, *flags), log, [address]):
        yield address


@contextmanager
def _running(module: str, flags: Sequence[str], log: Path, ports: Sequence[Address]) -> Iterator[None]:
    command = tied([sys.executable, "-m", module, *flags])
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "serving"), "TF_CPP_MIN_LOG_LEVEL": "2"}
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment) as process,
    ):

        def has_come() -> bool:
            if process.poll() is not None:
                raise ClusterError(f"{module} has ended.{last_lines(log)}")
            return all(map(_is_open, ports))

        try:
            wait_for(module, has_come, seconds=_START_SECONDS, log=log)
            yield
        finally:
            process.kill()


def _is_open(address: Address) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(address) == 0


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((_LOOPBACK, 0))) for _ in range(count)]
        return [int(opened.getsockname()[1]) for opened in sockets]
