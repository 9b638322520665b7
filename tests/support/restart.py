"""The API server of a local cluster, killed and started again."""

from pathlib import Path

from tests.support.eventually import eventually

from devcluster import processes
from devcluster.cluster import Cluster
from devcluster.errors import ClusterError
from devcluster.paths import ClusterPaths

_API_SERVER = "kube-apiserver"


def restart_api_server(cluster: Cluster) -> None:
    """End it by SIGKILL, start it with the same arguments, and wait until it is ready."""
    paths = ClusterPaths.of(cluster.name)
    [number] = [number for number, name in processes.find(paths.state).items() if name == _API_SERVER]
    arguments = Path(f"/proc/{number}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
    processes.kill(paths.state, command=_API_SERVER)
    processes.start(_API_SERVER, arguments, mark=paths.state, logs=paths.logs)
    eventually(lambda: _is_ready(cluster), "the API server is ready", seconds=90)


def _is_ready(cluster: Cluster) -> bool:
    try:
        cluster.kubectl("get", "--raw=/readyz", "--request-timeout=5s")
    except ClusterError:
        return False
    return True
