"""The control plane of devcluster: it answers, keeps tests apart, and is gone after any kind of end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import ClusterError, lifecycle, processes
from devcluster.cluster import Cluster
from devcluster.paths import ClusterPaths
from devcluster.pytest_plugin import Namespace
from devcluster.waiting import wait_for

_WAITING_TEST = """
import signal

def test_that_waits_with_a_control_plane(control_plane):
    print("waiting", flush=True)
    signal.pause()
"""


@pytest.fixture
def paths() -> Iterator[ClusterPaths]:
    """The paths of a cluster of this test's own, which is taken down whatever the test did."""
    paths = ClusterPaths.of(f"test-interrupted-{os.getpid()}")
    yield paths
    lifecycle.down(paths.name)


def test_the_controllers_turn_a_deployment_into_pods(namespace: Namespace) -> None:
    namespace.kubectl("create", "deployment", "web", "--image=localhost/none", "--replicas=2")

    def pods_exist() -> bool:
        pods = json.loads(namespace.kubectl("get", "pods", "--output=json"))["items"]
        return [pod["status"]["phase"] for pod in pods] == ["Pending"] * 2

    wait_for("two pending pods", pods_exist, seconds=20)


def test_each_test_has_a_namespace_of_its_own(namespace: Namespace) -> None:
    # The test above has left its Deployment behind in another namespace, or has not run.
    assert namespace.kubectl("get", "deployments", "--output=name") == ""


def test_a_failing_kubectl_raises_one_message_with_its_words(namespace: Namespace) -> None:
    with pytest.raises(ClusterError, match=r'^`kubectl .*get pod absent` failed: .*pods "absent" not found$'):
        namespace.kubectl("get", "pod", "absent")


def test_a_second_user_of_a_running_cluster_is_refused_with_its_owner(control_plane: Cluster) -> None:
    with pytest.raises(ClusterError, match=rf"in use by process {os.getpid()}: wait for that to end"):
        lifecycle.down(control_plane.name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_an_interrupted_up_leaves_nothing(paths: ClusterPaths, number: signal.Signals) -> None:
    process = _start_up(paths)

    process.send_signal(number)

    assert process.wait(timeout=30) != 0
    _assert_nothing_left(paths)


def test_the_next_down_removes_what_a_killed_up_left(paths: ClusterPaths) -> None:
    process = _start_up(paths)
    process.kill()
    process.wait(timeout=30)
    assert processes.find(paths.state)

    lifecycle.down(paths.name)

    _assert_nothing_left(paths)


def test_the_next_up_replaces_what_a_killed_up_left(paths: ClusterPaths) -> None:
    process = _start_up(paths)
    process.kill()
    process.wait(timeout=30)
    left = set(processes.find(paths.state))

    cluster = lifecycle.up(paths.name, with_node=False)

    assert cluster.kubectl("get", "--raw=/readyz") == "ok"
    assert not left & set(processes.find(paths.state))


def test_a_running_cluster_is_not_replaced_by_one_of_the_other_kind(paths: ClusterPaths) -> None:
    cluster = lifecycle.up(paths.name, with_node=False)

    with pytest.raises(ClusterError, match=r"is up without a node: take it down first, or use another name\.$"):
        lifecycle.up(paths.name, with_node=True)

    assert lifecycle.up(paths.name, with_node=False) == cluster


def test_an_interrupted_pytest_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_waiting.py").write_text(_WAITING_TEST)
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-s",
        "-p",
        "devcluster.pytest_plugin",
        f"--rootdir={tmp_path}",
        str(tmp_path),
    ]
    with _popen(argv) as process:
        paths = ClusterPaths.of(f"test-{process.pid}")
        assert process.stdout is not None
        assert any(line.endswith("waiting\n") for line in process.stdout)
        assert processes.find(paths.state)

        process.send_signal(signal.SIGTERM)

        process.stdout.read()
        assert process.wait(timeout=60) == pytest.ExitCode.INTERRUPTED
    _assert_nothing_left(paths)


def _start_up(paths: ClusterPaths) -> "subprocess.Popen[str]":
    """Run `up` until it is in the middle of its work."""
    argv = [sys.executable, "-m", "devcluster", "up", "--control-plane-only", f"--name={paths.name}"]
    process = _popen(argv, quiet=True)
    wait_for("the API server's process", lambda: "kube-apiserver" in processes.find(paths.state).values(), seconds=60)
    return process


def _popen(argv: list[str], *, quiet: bool = False) -> "subprocess.Popen[str]":
    # A shell without job control starts its background jobs with SIGINT ignored, which they would hand down to here.
    return subprocess.Popen(
        ["env", "--default-signal=INT,TERM,HUP", *argv],
        env=os.environ | {"PYTHONPATH": str(Path(lifecycle.__file__).parents[1])},
        stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        text=True,
    )


def _assert_nothing_left(paths: ClusterPaths) -> None:
    assert processes.find(paths.state) == {}
    assert not paths.state.exists()
