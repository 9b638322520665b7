"""`kubectl port-forward` as a subprocess that lives as long as it is needed."""

import queue
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from sdp_serving.client.errors import PortForwardError
from sdp_serving.client.kubectl import Kubectl
from sdp_serving.servers.transport import Address

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 5.0
_LISTENING: Final = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) -> ")


class PortForward:
    """A running `kubectl port-forward` to a Service."""

    def __init__(self, service: str, process: "subprocess.Popen[str]", log: IO[str]) -> None:
        self._service = service
        self._process = process
        self._log = log
        self._ports: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        # It says something for each connection: what nobody reads would block it once the pipe is full.
        threading.Thread(target=self._read, daemon=True).start()

    def address(self) -> Address:
        """Where it listens, once it does.

        Raises:
            PortForwardError: when it ends first, or takes too long.
        """
        try:
            port = self._ports.get(timeout=_START_SECONDS)
        except queue.Empty:
            port = None
        if port is None:
            raise PortForwardError(
                f"kubectl port-forward to the Service {self._service} did not start ({self._said()}): check that its"
                " pod runs and that you may create pods/portforward"
            )
        return Address("127.0.0.1", port)

    def require_alive(self) -> None:
        """Check that it has not ended.

        Raises:
            PortForwardError: when it has.
        """
        if self._process.poll() is not None:
            raise PortForwardError(
                f"kubectl port-forward to the Service {self._service} ended ({self._said()}): its pod may have been"
                " replaced, so try again"
            )

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _read(self) -> None:
        assert self._process.stdout is not None, "the output is piped"
        for line in self._process.stdout:
            if match := _LISTENING.search(line):
                self._ports.put(int(match[1]))
        self._ports.put(None)

    def _said(self) -> str:
        self._log.seek(0)
        lines = self._log.read().strip().splitlines()
        return lines[-1] if lines else "it said nothing"


@contextmanager
def port_forward(kubectl: Kubectl, service: str, port: int) -> Iterator[PortForward]:
    """Forward a free loopback port to `service`:`port` until the block ends."""
    command = kubectl.command("port-forward", "--address=127.0.0.1", f"service/{service}", f":{port}")
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        forward = PortForward(service, process, log)
        try:
            yield forward
        finally:
            forward.stop()
