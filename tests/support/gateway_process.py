"""Runs the gateway as the program that it is."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests
from prometheus_client.parser import text_string_to_metric_families
from tests.support.eventually import eventually
from tests.support.ports import free_ports

from devcluster.processes import tied

_SERVING: Final = Path(__file__).parents[2] / "serving"
_ESTABLISHED: Final = "01"


@dataclass(frozen=True)
class GatewayProcess:
    """A gateway that listens."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> requests.Response:
        """GET."""
        return requests.get(self.url + path, timeout=30)

    def predict(self, component: str, body: Any, **kwargs: Any) -> requests.Response:
        """POST a predict request; bytes are sent as they are, anything else as JSON."""
        kwargs["data" if isinstance(body, bytes) else "json"] = body
        return requests.post(f"{self.url}/v1/models/{component}:predict", timeout=60, **kwargs)

    def counted(self, metric: str) -> float:
        """A metric's value, summed up over all its series."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.get("/metrics").text)
            for sample in family.samples
            if sample.name == f"sdpipeline_gateway_{metric}"
        )

    def lines(self, **fields: Any) -> list[dict[str, Any]]:
        """The lines of the log that have these fields."""
        entries = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [entry for entry in entries if fields.items() <= entry.items()]

    def peak_bytes(self) -> int:
        """The most memory that the process ever held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(peak) * 1024

    def connections_to(self, port: int) -> int:
        """How many connections of the process lead to this port."""
        folder = Path(f"/proc/{self.process.pid}")
        links = [str(file.readlink()) for file in (folder / "fd").iterdir() if file.is_symlink()]
        own = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
        table = [line.split() for line in (folder / "net" / "tcp").read_text().splitlines()[1:]]
        return sum(
            state == _ESTABLISHED and inode in own and int(remote.rpartition(":")[2], 16) == port
            for _, _, remote, state, *_, inode in (row[:10] for row in table)
        )


@contextmanager
def gateway(folder: Path, *flags: str, **servers: str) -> Iterator[GatewayProcess]:
    """Start one on a free port and wait until it listens; kill it at the end.

    Args:
        folder: where its log goes.
        flags: besides those of the address and the servers.
        servers: the URL of each component's server, with `_` for `-` in the component's name.
    """
    [port] = free_ports(1)
    components = [f"--component={name.replace('_', '-')}={url}" for name, url in servers.items()]
    command = [sys.executable, "-m", "sdp_serving.gateway", f"--address=127.0.0.1:{port}", *components, *flags]
    log = folder / f"gateway-{port}.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            tied(command), stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": str(_SERVING)}
        ) as process,
    ):
        try:
            running = GatewayProcess(process, port, log)
            eventually(lambda: "Listening on" in log.read_text(), "the gateway listens", seconds=60)
            yield running
        finally:
            process.kill()
