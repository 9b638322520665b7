"""Objects as they are at the moment, without asking again and again."""

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from benchmarks.swap.ways import KubeObject
from devcluster.cluster import Cluster
from devcluster.processes import tied


@contextmanager
def watched(cluster: Cluster, namespace: str, kind: str, *selectors: str) -> Iterator[Mapping[str, KubeObject]]:
    """Give the objects of a kind by their UIDs, kept up to date for the length of a `with` block."""
    objects: dict[str, KubeObject] = {}
    command = [cluster.kubectl_program, f"--kubeconfig={cluster.kubeconfig}", f"--namespace={namespace}", "get", kind]
    command += [*selectors, "--watch", "--output-watch-events", "--output=json"]
    with subprocess.Popen(tied(command), stdout=subprocess.PIPE, text=True) as kubectl:
        assert kubectl.stdout is not None
        lines = kubectl.stdout

        def read() -> None:
            for line in lines:
                _take(objects, json.loads(line))

        reader = threading.Thread(target=read, name=f"watch of {kind}")
        reader.start()
        try:
            yield objects
        finally:
            kubectl.kill()
            reader.join()


def _take(objects: dict[str, KubeObject], event: KubeObject) -> None:
    found = event["object"]
    if event["type"] == "DELETED":
        objects.pop(found["metadata"]["uid"], None)
    else:
        objects[found["metadata"]["uid"]] = found
