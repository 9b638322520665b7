"""The operator as a process of its own, with nothing but its ServiceAccount's rights."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.support.eventually import eventually
from tests.support.ports import free_ports

from devcluster.cluster import Cluster
from devcluster.processes import tied

REPOSITORY = Path(__file__).parents[2]

Command = Callable[[str], list[str]]
"""The module that runs the operator and its arguments, given the URL of the liveness endpoint."""


class OperatorProcess:
    """The operator, which can be killed and started again."""

    def __init__(self, kubeconfig: Path, log: Path, command: Command = lambda _: ["sdp_operator", "run"]) -> None:
        self.kubeconfig = kubeconfig
        self._log = log
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, if it does not run, and wait until it is alive."""
        if self._process is not None and self._process.poll() is None:
            return
        [port] = free_ports(1)
        health = f"http://127.0.0.1:{port}/healthz"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SDP_")},
            "KUBECONFIG": str(self.kubeconfig),
            "PYTHONPATH": f"{REPOSITORY / 'operator'}:{REPOSITORY / 'serving'}",
            "SDP_HTTP_ADDRESS": f"127.0.0.1:{port}",
        }
        with self._log.open("ab") as log:
            command = tied([sys.executable, "-m", *self._command(health)])
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        eventually(lambda: self._is_alive(health), "the operator is alive", seconds=60)

    def kill(self) -> None:
        """End it with SIGKILL, as a crash or a lost node would; nothing happens where it never started."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """End it with SIGTERM, as Kubernetes would; returns its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(timeout=30)

    def log(self) -> str:
        """All that it has said."""
        return self._log.read_text()

    def _is_alive(self, health: str) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the operator ended:\n{self.log()}"
        try:
            with urllib.request.urlopen(health, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False


def service_account_kubeconfig(cluster: Cluster, folder: Path, *, namespace: str, account: str) -> Path:
    """Write a kubeconfig with a token of the ServiceAccount and no other right."""
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--output=json"))
    token = cluster.kubectl("create", "token", account, f"--namespace={namespace}").strip()
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    path = folder / "operator.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path
