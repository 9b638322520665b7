"""Runs the stand-in model server as the program that it is."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests
from tests.support.ports import free_ports

from devcluster.processes import tied

_SERVING: Final = Path(__file__).parents[2] / "serving"
_WAIT_SECONDS: Final = 120


@dataclass(frozen=True)
class StandIn:
    """A stand-in that was started; its ports may still be closed."""

    process: "subprocess.Popen[bytes]"
    grpc_port: int
    rest_port: int
    log: Path

    @property
    def url(self) -> str:
        """Where REST is."""
        return f"http://127.0.0.1:{self.rest_port}"

    def get(self, path: str) -> requests.Response:
        """GET."""
        return requests.get(self.url + path, timeout=30)

    def predict(self, model: str, body: Any, **kwargs: Any) -> requests.Response:
        """POST a predict request; a body that is no string is sent as JSON."""
        kwargs["data" if isinstance(body, str) else "json"] = body
        return requests.post(f"{self.url}/v1/models/{model}:predict", timeout=30, **kwargs)

    def states(self, model: str) -> dict[str, str]:
        """The state of each version of the model."""
        answer = self.get(f"/v1/models/{model}")
        assert answer.status_code == 200, answer.text
        return {each["version"]: each["state"] for each in answer.json()["model_version_status"]}

    def is_open(self, port: int) -> bool:
        """Whether something listens on the port."""
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", port)) == 0

    def wait_until_serving(self) -> None:
        """Wait for both ports."""
        self.wait_until(lambda: self.is_open(self.grpc_port) and self.is_open(self.rest_port))

    def wait_until_logged(self, text: str) -> None:
        """Wait until the server wrote `text`."""
        self.wait_until(lambda: text in self.log.read_text())

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, as long as the server lives."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while not condition():
            assert self.process.poll() is None, f"the stand-in ended:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"it never came:\n{self.log.read_text()}"
            time.sleep(0.02)


@contextmanager
def standin(
    folder: Path, *flags: str, wrapper: Sequence[str] = (), ports: tuple[int, int] | None = None
) -> Iterator[StandIn]:
    """Start one with `flags`; kill it at the end.

    Args:
        folder: where its log goes.
        flags: besides those of the ports.
        wrapper: the command that runs it, if any, such as `unshare ...`.
        ports: of gRPC and REST; free ones when left out.
    """
    grpc_port, rest_port = ports or free_ports(2)
    log = folder / "standin.log"
    command = [
        *wrapper,
        *(sys.executable, "-m", "sdp_serving.standin"),
        f"--port={grpc_port}",
        f"--rest_api_port={rest_port}",
        *flags,
    ]
    environment = {**os.environ, "PYTHONPATH": str(_SERVING)}
    with (
        log.open("wb") as output,
        subprocess.Popen(tied(command), stdout=output, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        try:
            yield StandIn(process, grpc_port, rest_port, log)
        finally:
            process.kill()
