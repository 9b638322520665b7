"""A cluster with a node of the benchmark's own, with the operator and the models in it."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from demo import story
from demo.target import PROGRAMS, Access

from benchmarks.swap.ways import KubeObject
from devcluster import images, lifecycle
from devcluster.cluster import Cluster
from devcluster.containerd import PAUSE_IMAGE
from devcluster.paths import cache_dir
from devcluster.waiting import wait_for

_NAMESPACE: Final = "benchmark"
_CLUSTER: Final = "benchmark-swap"
_OTHERS: Final = "others"
_DEFAULT: Final = "--namespace=default"


@dataclass(frozen=True)
class Rig:
    """A namespace of the cluster."""

    cluster: Cluster
    namespace: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the namespace.

        Raises:
            ClusterError: it failed.
        """
        return self.cluster.kubectl(f"--namespace={self.namespace}", *arguments, stdin=stdin)

    def apply(self, objects: Sequence[KubeObject]) -> None:
        """Apply what a user would."""
        self.kubectl("apply", "--filename=-", stdin=_list(objects))

    def remove(self, objects: Sequence[KubeObject]) -> None:
        """Delete it, and wait until its pods are gone.

        Raises:
            ClusterError: they stay.
        """
        self.kubectl("delete", "--ignore-not-found", "--filename=-", stdin=_list(objects))
        children = "deployments,services,pods"
        # The garbage collector learns of a new kind of owner only each 30 seconds.
        wait_for("all pods to go", lambda: not self.kubectl("get", children, "--output=name").strip(), seconds=120)

    @contextmanager
    def one_gpu(self) -> Iterator[None]:
        """Let somebody else's pod hold the node's other GPU for the length of a `with` block."""
        self.cluster.kubectl("apply", _DEFAULT, "--filename=-", stdin=_list([_holder()]))
        try:
            self.cluster.kubectl("wait", "--for=condition=Ready", f"pod/{_OTHERS}", _DEFAULT, "--timeout=60s")
            yield
        finally:
            self.cluster.kubectl(
                "delete", "pod", _OTHERS, _DEFAULT, "--grace-period=0", "--force", "--ignore-not-found"
            )

    def address_of(self, service: str) -> str:
        """The Service's address, to which this machine has a route."""
        return self.kubectl("get", "service", service, "--output=jsonpath={.spec.clusterIP}")


@contextmanager
def running_rig() -> Iterator[Rig]:
    """Bring the cluster up for the length of a `with` block.

    Raises:
        DemoError: a step failed.
        ClusterError: the cluster can't be brought up.
    """
    before, folder = dict(os.environ), Path.cwd()
    # In a session, so that nobody else takes it down meanwhile.
    with lifecycle.session(_CLUSTER, with_node=True) as cluster:
        try:
            story.set_up(_InSession(cluster))
            cluster.kubectl("create", "namespace", _NAMESPACE)
            yield Rig(cluster, _NAMESPACE)
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)


@dataclass(frozen=True)
class _InSession:
    """A target for the demo that is up, and that its session takes down."""

    cluster: Cluster

    def start(self) -> Access:
        return Access(self.cluster.kubeconfig, (PROGRAMS, Path(self.cluster.kubectl_program).parent))

    def load_image(self, name: str) -> None:
        images.load_by_name(self.cluster, name)

    def storage_folder(self) -> Path:
        """One that no other emulator has, and that is kept, so that models need not be exported again."""
        folder = cache_dir() / _CLUSTER / "storage"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)  # The emulator is not root.
        return folder

    def stop(self) -> None:
        pass


def _list(objects: Sequence[KubeObject]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def _holder() -> KubeObject:
    container = {
        "name": "pause",
        "image": PAUSE_IMAGE,
        "imagePullPolicy": "Never",
        "resources": {"limits": {"nvidia.com/gpu": 1}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _OTHERS},
        "spec": {
            "containers": [container],
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "terminationGracePeriodSeconds": 0,
        },
    }
