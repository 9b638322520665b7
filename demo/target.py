"""The cluster that the demo runs on: one of this machine's own, or the user's kind cluster."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from demo.shell import DemoError, quietly
from devcluster import images, lifecycle
from devcluster.paths import cache_dir

REPOSITORY: Final = Path(__file__).resolve().parent.parent
PROGRAMS: Final = Path(sys.executable).parent
"""Where `sdpipeline` and `sdpipeline-export` are."""

IMAGES: Final = {
    "operator": Path("Dockerfile"),
    "puller": Path("images/puller/Dockerfile"),
    "standin": Path("images/standin/Dockerfile"),
    "storage-emulator": Path("images/storage-emulator/Dockerfile"),
}
"""Each image that the demo needs, by its name, and where its Dockerfile lies."""


def image_reference(name: str) -> str:
    """The name under which the demo's cluster knows the image."""
    return f"localhost/sdpipeline-{name}:dev"


class Target(Protocol):
    """A cluster for the demo."""

    def start(self) -> Mapping[str, str]:
        """Make sure that the cluster runs; gives the environment variables by which programs find it."""

    def load_image(self, name: str) -> None:
        """Build the image if it changed and bring it to the cluster's node."""

    def storage_folder(self) -> Path | None:
        """A folder of the node that outlives the cluster, for the storage emulator; None where there is none."""

    def stop(self) -> None:
        """Remove all that the demo made."""


class LocalCluster:
    """A one-node Kubernetes that the demo starts on this machine."""

    def __init__(self, name: str = "demo") -> None:
        """Take the cluster's name."""
        self._name = name

    def start(self) -> Mapping[str, str]:
        """Bring the cluster up; at the first time its programs are built."""
        cluster = lifecycle.up(self._name, with_node=True)
        return variables(cluster.kubeconfig, PROGRAMS, Path(cluster.kubectl_program).parent)

    def load_image(self, name: str) -> None:
        """Build with buildah, import into the node's containerd."""
        images.load_by_name(lifecycle.access(self._name), name)

    def storage_folder(self) -> Path:
        """A folder in the cache, writable for the emulator, which is not root."""
        folder = cache_dir() / "storage"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        return folder

    def stop(self) -> None:
        """Take the cluster down; nothing is left running or mounted."""
        lifecycle.down(self._name)


class KindCluster:
    """The user's own kind cluster. Its nodes are made to advertise two GPUs, as the local cluster's node does."""

    def __init__(self, context: str) -> None:
        """Take the kubeconfig's context.

        Raises:
            DemoError: it is no kind cluster's, so that the images could not be brought there.
        """
        if not context.startswith("kind-"):
            raise DemoError(
                f"CONTEXT={context} is no kind cluster. The demo brings its images to the node itself, which it can do"
                " only with kind; for any other cluster push the images to your registry and `kubectl apply -k deploy`."
            )
        self._context = context

    def start(self) -> Mapping[str, str]:
        """Copy the context into a kubeconfig of the demo's, so that every command leads there without naming it."""
        kubeconfig = cache_dir() / "kind" / self._context
        kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        config = quietly("kubectl", "config", "view", "--raw", "--minify", "--flatten", f"--context={self._context}")
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(config)
        self._advertise_gpus(f"--kubeconfig={kubeconfig}")
        return variables(kubeconfig, PROGRAMS)

    def load_image(self, name: str) -> None:
        """Build with docker, bring in with kind."""
        reference = image_reference(name)
        quietly("docker", "build", "-q", "-t", reference, "-f", str(REPOSITORY / IMAGES[name]), str(REPOSITORY))
        quietly("kind", "load", "docker-image", reference, "--name", self._context.removeprefix("kind-"))

    def storage_folder(self) -> None:
        """None: the node's folders are the user's."""

    def stop(self) -> None:
        """Remove the demo's objects; the cluster stays."""
        here = f"--context={self._context}"
        for what in (("-f", "examples/pipeline.yaml"), ("-k", "deploy/local")):
            quietly("kubectl", here, "delete", what[0], str(REPOSITORY / what[1]), "--ignore-not-found")

    def _advertise_gpus(self, where: str) -> None:
        nodes = json.loads(quietly("kubectl", where, "get", "nodes", "-o", "json"))["items"]
        for node in nodes:
            if "nvidia.com/gpu" in node["status"]["capacity"]:
                continue
            name = node["metadata"]["name"]
            label = "cloud.google.com/gke-accelerator=nvidia-tesla-t4"
            capacity = json.dumps({"status": {"capacity": {"nvidia.com/gpu": "2"}}})
            quietly("kubectl", where, "label", "node", name, label, "--overwrite")
            quietly("kubectl", where, "patch", "node", name, "--subresource=status", "--type=merge", "-p", capacity)


def variables(kubeconfig: Path, *programs: Path) -> Mapping[str, str]:
    """The environment in which kubectl leads to the cluster and `programs` are found first."""
    path = os.pathsep.join([*map(str, programs), os.environ.get("PATH", os.defpath)])
    return {"KUBECONFIG": str(kubeconfig), "PATH": path}
