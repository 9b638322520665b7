"""The cluster that the demo runs on: one of this machine's own, or the user's kind cluster."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from demo.shell import DemoError, quietly
from devcluster import images, lifecycle
from devcluster.paths import cache_dir

REPOSITORY: Final = Path(__file__).resolve().parent.parent
PROGRAMS: Final = Path(sys.executable).parent
"""Where `sdpipeline` is."""

IMAGES: Final = ("operator", "puller", "standin", "storage-emulator", "gateway")
"""The images of this repository that the demo needs."""

_ACCELERATOR: Final = "cloud.google.com/gke-accelerator"
_OURS: Final = "sdpipeline.dev/demo"
"""Annotates the nodes that were made to advertise GPUs."""


@dataclass(frozen=True)
class Access:
    """How programs reach the cluster.

    Attributes:
        kubeconfig: the administrator's.
        programs: folders to be searched first, for kubectl and this project's commands.
    """

    kubeconfig: Path
    programs: tuple[Path, ...]

    def variables(self) -> Mapping[str, str]:
        """The environment in which kubectl leads to the cluster."""
        path = os.pathsep.join([*map(str, self.programs), os.environ.get("PATH", os.defpath)])
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": path}


class Target(Protocol):
    """A cluster for the demo."""

    def start(self) -> Access:
        """Make sure that the cluster runs."""

    def load_image(self, name: str) -> None:
        """Build the image if it changed and bring it to the cluster's node."""

    def storage_folder(self) -> Path | None:
        """A folder of the node that outlives the cluster, for the storage emulator; None where there is none."""

    def stop(self) -> None:
        """Remove all that the demo made."""


class LocalCluster:
    """A one-node Kubernetes that the demo starts on this machine."""

    def __init__(self, name: str = "demo") -> None:
        """Take the cluster of this name."""
        self._name = name

    def start(self) -> Access:
        """Bring the cluster up; at the first time its programs are built."""
        cluster = lifecycle.up(self._name, with_node=True)
        return Access(cluster.kubeconfig, (PROGRAMS, Path(cluster.kubectl_program).parent))

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

    def start(self) -> Access:
        """Copy the context into a kubeconfig of the demo's, so that every command leads there without naming it."""
        self._kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        config = self._kubectl("config", "view", "--raw", "--minify", "--flatten")
        self._kubeconfig.touch(mode=0o600)
        self._kubeconfig.write_text(config)
        self._advertise_gpus()
        return Access(self._kubeconfig, (PROGRAMS,))

    def load_image(self, name: str) -> None:
        """Build with docker, bring in with kind."""
        reference = images.reference(name)
        quietly("docker", "build", "-q", "-t", reference, "-f", str(images.dockerfile(name)), str(REPOSITORY))
        quietly("kind", "load", "docker-image", reference, "--name", self._context.removeprefix("kind-"))

    def storage_folder(self) -> None:
        """None: the node's folders are the user's."""

    def stop(self) -> None:
        """Remove the demo's objects; the cluster stays."""
        # With the resource's definition go the pipelines, and with them their Deployments and Services.
        self._kubectl("delete", "-k", str(REPOSITORY / "deploy" / "local"), "--ignore-not-found")
        for node in self._nodes():
            if _OURS in node["metadata"].get("annotations", {}):
                name = node["metadata"]["name"]
                self._set_gpus(name, None)
                self._kubectl("label", "node", name, f"{_ACCELERATOR}-")
                self._kubectl("annotate", "node", name, f"{_OURS}-")
        self._kubeconfig.unlink(missing_ok=True)

    @property
    def _kubeconfig(self) -> Path:
        return cache_dir() / "kind" / self._context

    def _kubectl(self, *arguments: str) -> str:
        return quietly("kubectl", f"--context={self._context}", *arguments)

    def _nodes(self) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = json.loads(self._kubectl("get", "nodes", "-o", "json"))["items"]
        return nodes

    def _advertise_gpus(self) -> None:
        for node in self._nodes():
            if "nvidia.com/gpu" not in node["status"]["capacity"]:
                name = node["metadata"]["name"]
                # First, so that `stop` finds the node also when this ends half-way.
                self._kubectl("annotate", "node", name, f"{_OURS}=gpus", "--overwrite")
                self._kubectl("label", "node", name, f"{_ACCELERATOR}=nvidia-tesla-t4", "--overwrite")
                self._set_gpus(name, "2")

    def _set_gpus(self, node: str, count: str | None) -> None:
        capacity = json.dumps({"status": {"capacity": {"nvidia.com/gpu": count}}})
        self._kubectl("patch", "node", node, "--subresource=status", "--type=merge", "-p", capacity)
