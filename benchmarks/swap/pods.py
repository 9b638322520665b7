"""What the pods that serve the model hold: memory and GPUs."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from benchmarks.swap.memory import working_set
from benchmarks.swap.watch import watched
from benchmarks.swap.ways import SELECTOR, KubeObject
from devcluster.cluster import Cluster

_EVERY_SECONDS: Final = 0.2
_GPU: Final = "nvidia.com/gpu"


@dataclass
class Pods:
    """The pods as they are now, and the most that they have held.

    Attributes:
        cluster: the cluster's name.
        now: by their UIDs, until the last container of each has ended.
        peak_memory: bytes of all of them together.
        peak_gpus: GPUs of all of them together.
    """

    cluster: str
    now: Mapping[str, KubeObject]
    peak_memory: int = 0
    peak_gpus: int = 0

    def look(self) -> None:
        """Take what they hold now into account."""
        placed = {uid: pod for uid, pod in list(self.now.items()) if _holds_its_place(pod)}
        self.peak_memory = max(self.peak_memory, sum(working_set(self.cluster, uid) for uid in placed))
        self.peak_gpus = max(self.peak_gpus, sum(map(_gpus, placed.values())))

    def forget_peaks(self) -> None:
        """Begin to look for the most anew."""
        self.peak_memory = self.peak_gpus = 0

    def one_is_ready(self) -> bool:
        """Whether there is one that answers, and no other, not even one that ends."""
        match list(self.now.values()):
            case [pod]:
                return "deletionTimestamp" not in pod["metadata"] and _is_ready(pod)
        return False


@contextmanager
def watching_pods(cluster: Cluster, namespace: str) -> Iterator[Pods]:
    """Watch the pods for the length of a `with` block."""
    stop = threading.Event()
    with watched(cluster, namespace, "pods", f"--selector={SELECTOR}") as now:
        pods = Pods(cluster.name, now)

        def look() -> None:
            while not stop.wait(_EVERY_SECONDS):
                pods.look()

        looker = threading.Thread(target=look, name="memory")
        looker.start()
        try:
            yield pods
        finally:
            stop.set()
            looker.join()


def _is_ready(pod: KubeObject) -> bool:
    conditions = {one["type"]: one["status"] for one in pod.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True"


def _holds_its_place(pod: KubeObject) -> bool:
    return bool(pod["spec"].get("nodeName")) and pod["status"].get("phase") not in {"Succeeded", "Failed"}


def _gpus(pod: KubeObject) -> int:
    containers = pod["spec"]["containers"]
    return sum(int(one.get("resources", {}).get("limits", {}).get(_GPU, 0)) for one in containers)
