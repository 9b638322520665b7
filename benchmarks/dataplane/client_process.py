"""A client in a process of its own, so that the CPU that it takes is all its own.

    python -m benchmarks.dataplane.client_process WAY HOST:PORT DRAWS

It draws once to warm up, writes a line, waits for a line, draws DRAWS times, and writes what it found as JSON.
"""

import json
import sys
import time

from benchmarks.dataplane.drawing import PICTURES, drawing
from benchmarks.dataplane.ways import Way
from sdp_serving.servers.transport import Address

_SHAPE = (PICTURES, 512, 512, 3)


def main() -> None:
    """Draw as the command line says."""
    _, way, address, draws = sys.argv
    host, _, port = address.rpartition(":")
    with drawing(Way(way), Address(host, int(port))) as draw:
        draw()
        print("warm", flush=True)  # noqa: T201  # What the parent process reads.
        sys.stdin.readline()
        cpu, file_bytes = [], None
        for _ in range(int(draws)):
            start = time.process_time()
            drawn = draw()
            cpu.append((time.process_time() - start) / PICTURES)
            assert drawn.pixels.shape == _SHAPE, f"pictures of {drawn.pixels.shape}"
            file_bytes = drawn.file_bytes
        print(json.dumps({"cpu": cpu, "file_bytes": file_bytes}), flush=True)  # noqa: T201  # As above.


if __name__ == "__main__":
    main()
