"""The operator as a process of its own, with nothing but its ServiceAccount's rights."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from tests.support.eventually import eventually
from tests.support.ports import free_ports

from devcluster.cluster import Cluster
from devcluster.processes import tied

REPOSITORY = Path(__file__).parents[2]

Command = Callable[[str], list[str]]
"""The module that runs the operator and its arguments, given the URL where it should answer that it is ready."""


class OperatorProcess:
    """The operator, which can be killed and started again."""

    def __init__(
        self,
        kubeconfig: Path,
        log: Path,
        command: Command = lambda _: ["sdp_operator", "run"],
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.kubeconfig = kubeconfig
        self._log = log
        self._command = command
        self._settings = settings
        self.url = ""
        """Where it answers, once it was started."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, if it does not run, and wait until it is ready."""
        if self._process is None or self._process.poll() is not None:
            self.launch()
            eventually(self._is_ready, "the operator is ready", seconds=60)

    def launch(self) -> None:
        """Start it, and do not wait."""
        [port] = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SDP_")},
            "KUBECONFIG": str(self.kubeconfig),
            "PYTHONPATH": f"{REPOSITORY / 'operator'}:{REPOSITORY / 'serving'}",
            "SDP_HTTP_ADDRESS": f"127.0.0.1:{port}",
            **self._settings,
        }
        with self._log.open("ab") as log:
            command = tied([sys.executable, "-m", *self._command(f"{self.url}/readyz")])
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

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

    def pause(self) -> None:
        """Let nothing of it run until `resume`, as on a machine that hangs."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def exit_code(self, *, seconds: float) -> int:
        """Wait until it has ended by itself."""
        assert self._process is not None
        return self._process.wait(timeout=seconds)

    def log(self) -> str:
        """All that it has said."""
        return self._log.read_text()

    def metric(self, name: str, **labels: str) -> float:
        """The value of one of its metrics; 0 where there is none with these labels."""
        return sum(one.value for one in self._samples() if one.name == name and one.labels == labels)

    def writes(self) -> float:
        """How many requests of its have changed something, or were to."""
        requests = [one for one in self._samples() if one.name == "sdpipeline_operator_api_requests_total"]
        return sum(one.value for one in requests if one.labels["verb"] not in {"get", "list", "watch"})

    def _samples(self) -> list[Sample]:
        families = text_string_to_metric_families(self._get("metrics"))
        return [one for family in families for one in family.samples]

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}/{path}", timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the operator ended:\n{self.log()}"
        try:
            self._get("readyz")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True


def service_account_kubeconfig(cluster: Cluster, folder: Path, *, namespace: str, account: str) -> Path:
    """Write a kubeconfig with a token of the ServiceAccount and no other right."""
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--output=json"))
    token = cluster.kubectl("create", "token", account, f"--namespace={namespace}").strip()
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    path = folder / "operator.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path
