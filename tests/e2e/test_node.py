"""The node of devcluster: pods really run on it, and it is gone after any kind of end."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster import cgroups, host_network, images, lifecycle, processes
from devcluster.addresses import Addresses
from devcluster.cluster import Cluster
from devcluster.containerd import PAUSE_IMAGE, Images
from devcluster.node import GPUS
from devcluster.paths import ClusterPaths
from devcluster.pytest_plugin import Namespace
from devcluster.waiting import wait_for

_DOCKERFILE = """\
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE}
COPY ask_api.py /ask_api.py
USER 65532:65532
ENTRYPOINT ["python"]
"""

# Finds the API server by its name in the cluster's DNS and asks it who the pod's ServiceAccount is.
_ASK_API = """\
import json, ssl, urllib.request
account = "/var/run/secrets/kubernetes.io/serviceaccount"
request = urllib.request.Request(
    "https://kubernetes.default.svc/apis/authentication.k8s.io/v1/selfsubjectreviews",
    data=b'{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}',
    headers={"Authorization": "Bearer " + open(account + "/token").read(), "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=account + "/ca.crt")) as response:
    print(json.load(response)["status"]["userInfo"]["username"])
"""

_SERVE = ["-m", "http.server", "--directory=/etc/ssl", "8000"]


@pytest.fixture(scope="module")
def image(node_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image built from a Dockerfile and loaded into the node."""
    context = tmp_path_factory.mktemp("image")
    (context / "Dockerfile").write_text(_DOCKERFILE)
    (context / "ask_api.py").write_text(_ASK_API)
    built = images.build_image("localhost/sdpipeline-probe:dev", context / "Dockerfile", context)
    images.load_image(node_cluster, built)
    return built.name


def test_a_pod_finds_the_api_server_by_name_and_is_known_to_it(node_namespace: Namespace, image: str) -> None:
    _apply(node_namespace, _pod("asker", image, ["/ask_api.py"]))

    node_namespace.kubectl("wait", "pod/asker", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")

    assert node_namespace.kubectl("logs", "asker") == f"system:serviceaccount:{node_namespace.name}:default\n"


def test_a_service_is_reached_from_the_machine_through_the_api_server(node_namespace: Namespace, image: str) -> None:
    server = _pod("server", image, _SERVE)
    server["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1}
    _apply(node_namespace, server)
    node_namespace.kubectl("expose", "pod", "server", "--port=80", "--target-port=8000")
    node_namespace.kubectl("wait", "pod/server", "--for=condition=Ready", "--timeout=60s")

    page = node_namespace.kubectl("get", "--raw", f"/api/v1/namespaces/{node_namespace.name}/services/server/proxy/")

    assert "certs/" in page
    assert node_namespace.kubectl("exec", "server", "--", "id", "--user") == "65532\n"


def test_gpus_are_scheduled_and_run_out(node_namespace: Namespace, image: str) -> None:
    _apply(node_namespace, _pod("fits", image, _SERVE, gpus=GPUS), _pod("too-big", image, _SERVE, gpus=GPUS + 1))

    node_namespace.kubectl("wait", "pod/fits", "--for=condition=Ready", "--timeout=60s")
    node_namespace.kubectl("wait", "pod/too-big", "--for=condition=PodScheduled=false", "--timeout=60s")

    pod = json.loads(node_namespace.kubectl("get", "pod", "too-big", "--output=json"))
    assert "Insufficient nvidia.com/gpu" in pod["status"]["conditions"][0]["message"]


def test_nothing_in_a_pod_reaches_beyond_the_machine(node_namespace: Namespace, image: str) -> None:
    assert lifecycle.node_of(node_namespace.cluster).run(["ip", "route", "show", "default"]) == ""
    # An address of a range that is kept for documentation.
    program = "import socket; socket.create_connection(('203.0.113.1', 9), timeout=5)"
    _apply(node_namespace, _pod("leaver", image, ["-c", program]))

    node_namespace.kubectl("wait", "pod/leaver", "--for=jsonpath={.status.phase}=Failed", "--timeout=60s")

    assert "Network is unreachable" in node_namespace.kubectl("logs", "leaver")


@pytest.fixture
def other() -> Iterator[ClusterPaths]:
    """The paths of a second cluster with a node, beside the tests' own."""
    paths = ClusterPaths.of(f"test-node-{os.getpid()}")
    yield paths
    lifecycle.down(paths.name)
    shutil.rmtree(paths.images, ignore_errors=True)


def test_a_cluster_that_comes_up_again_has_no_container_of_its_last_life(other: ClusterPaths) -> None:
    cluster = lifecycle.up(other.name, with_node=True)
    cluster.kubectl("run", "old", f"--image={PAUSE_IMAGE}")
    cluster.kubectl("wait", "pod/old", "--for=condition=Ready", "--timeout=60s")
    lifecycle.down(other.name)

    cluster = lifecycle.up(other.name, with_node=True)

    assert cluster.kubectl("get", "pods", "--output=name") == ""
    assert not Images(lifecycle.node_of(cluster)).forget_containers()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_a_node_that_was_interrupted_leaves_nothing(other: ClusterPaths, number: signal.Signals) -> None:
    process = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "devcluster", "up", f"--name={other.name}"],
        env=os.environ | {"PYTHONPATH": str(Path(lifecycle.__file__).parents[1])},
        stderr=subprocess.DEVNULL,
    )
    wait_for("the node's kubelet", lambda: "kubelet" in processes.find(other.state).values(), seconds=120)
    record = lifecycle.read_record(other)
    assert record is not None
    assert record.slot is not None

    process.send_signal(number)
    process.wait(timeout=60)
    if number == signal.SIGKILL:
        lifecycle.down(other.name)

    _assert_nothing_left(other, Addresses(record.slot))


def _assert_nothing_left(paths: ClusterPaths, addresses: Addresses) -> None:
    assert processes.find(paths.state) == {}
    assert not paths.state.exists()
    assert str(paths.state) not in Path("/proc/self/mountinfo").read_text()
    network = host_network.ip("link") + host_network.ip("route", "show", "table", "all")
    assert addresses.interface not in network
    assert addresses.pods not in network
    assert addresses.services not in network
    assert not list(Path("/sys/fs/cgroup").glob(f"*{cgroups.parent(paths.name)}"))


def _pod(name: str, image: str, arguments: list[str], *, gpus: int = 0) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "main", "image": image, "args": arguments}
    if gpus:
        container["resources"] = {"limits": {"nvidia.com/gpu": gpus}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        # Python as process 1 ignores SIGTERM, and the whole grace period would be waited for.
        "spec": {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 0},
    }


def _apply(namespace: Namespace, *objects: dict[str, Any]) -> None:
    namespace.kubectl("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
