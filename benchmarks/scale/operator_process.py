"""The operator as a process of this machine, with its ServiceAccount's rights and no others."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.common.machine import REPOSITORY
from devcluster.cluster import Cluster
from devcluster.processes import Component, tied
from devcluster.waiting import last_lines, wait_for

SYSTEM_NAMESPACE: Final = "sdpipeline-system"
ACCOUNT: Final = "sdpipeline-operator"
USER: Final = f"system:serviceaccount:{SYSTEM_NAMESPACE}:{ACCOUNT}"


@contextmanager
def running(cluster: Cluster, folder: Path) -> Iterator[int]:
    """Run the operator for the length of a `with` block; gives its process id once it is ready.

    Raises:
        ClusterError: it ended, or was not ready in time.
        TimeoutError: the one that the block raised, with the last that the operator has said.
    """
    address = f"127.0.0.1:{_free_port()}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SDP_")},
        "KUBECONFIG": str(_kubeconfig(cluster, folder)),
        "PYTHONPATH": f"{REPOSITORY / 'operator'}:{REPOSITORY / 'serving'}",
        "SDP_HTTP_ADDRESS": address,
    }
    log = folder / "operator.log"
    with log.open("ab") as sink:
        command = tied([sys.executable, "-m", "sdp_operator", "run"])
        process = subprocess.Popen(command, env=environment, stdout=sink, stderr=sink)
    operator = Component("the operator", process, log)
    try:
        url = f"http://{address}/readyz"
        wait_for("the operator to be ready", lambda: operator.check() and _answers(url), seconds=60, log=log)
        yield process.pid
    except TimeoutError as error:
        operator.check()
        raise TimeoutError(f"{error}{last_lines(log)}") from None
    finally:
        process.kill()
        process.wait()


def _kubeconfig(cluster: Cluster, folder: Path) -> Path:
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--output=json"))
    # Longer than any run.
    token = cluster.kubectl("create", "token", ACCOUNT, f"--namespace={SYSTEM_NAMESPACE}", "--duration=12h").strip()
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    path = folder / "operator.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - an http URL of our own making
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        return int(opened.getsockname()[1])
