"""What each way moves, and costs its client."""

import json
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.common.machine import REPOSITORY
from benchmarks.common.progress import bar
from benchmarks.common.results import Seconds
from benchmarks.dataplane.drawing import PICTURES
from benchmarks.dataplane.layout import as_tensorflow_serving
from benchmarks.dataplane.proxy import Counted, counting
from benchmarks.dataplane.results import WayResult
from benchmarks.dataplane.servers import ModelServer
from benchmarks.dataplane.ways import Reach, Way
from devcluster.processes import tied
from sdp_serving.servers.transport import Address


class ClientFailedError(Exception):
    """A client could not draw; the text says which, and what it wrote."""


def measure_ways(server: ModelServer, gateway: Address, draws: int) -> Iterator[WayResult]:
    """Draw by each way.

    Args:
        server: has models of full shape.
        gateway: in front of it.
        draws: how often.

    Raises:
        ClientFailedError: a client could not draw.
    """
    with as_tensorflow_serving(server.rest) as rest:
        servers = {
            Reach.REST: rest,
            Reach.COMPACT_REST: server.rest,
            Reach.GRPC: server.grpc,
            Reach.GATEWAY: gateway,
        }
        for way in Way:
            with bar(f"{way}: four pictures", 1), counting(servers[way.reach]) as line:
                yield _measure(way, line, draws)


def _measure(way: Way, line: Counted, draws: int) -> WayResult:
    command = [sys.executable, "-m", "benchmarks.dataplane.client_process", way, str(line.address), str(draws)]
    with subprocess.Popen(
        tied(command),
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None, "it is a pipe"
        process.stdout.readline()
        before = (line.sent, line.received)
        # One that has failed takes no line; why it failed is what it wrote.
        written, said = process.communicate("\n")
    if process.returncode:
        raise ClientFailedError(f"{way}: exit code {process.returncode}:\n{said[-2000:]}")
    found = json.loads(written)
    total = found["file_bytes"]
    return WayResult(
        way=way,
        sent=(line.sent - before[0]) // draws,
        received=(line.received - before[1]) // draws,
        cpu=Seconds.of(found["cpu"]),
        file_bytes=None if total is None else total // PICTURES,
    )
