"""containerd in the node, and the images in it."""

import subprocess
import tempfile
from pathlib import Path
from typing import IO

from devcluster import oci, processes
from devcluster.namespaces import Namespaces
from devcluster.processes import Component
from devcluster.waiting import wait_for

PAUSE_IMAGE = "localhost/sdpipeline-pause:1"
SOCKET = "/run/containerd/containerd.sock"

_INPUTS_LABEL = "sdpipeline.dev/inputs"

# restrict_oom_score_adj: without CAP_SYS_RESOURCE, as in many virtual machines, no sandbox could start otherwise.
_CONFIG = """\
version = 3
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp"]

[plugins."io.containerd.internal.v1.opt"]
path = "/run/containerd/opt"

[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{pause}"

[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
disable_apparmor = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{cni_programs}"]
conf_dir = "{cni_config}"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
runtime_path = "{shim}"
"""


def launch(node: Namespaces, cni_config: Path) -> Component:
    """Start containerd and wait until it answers; the pause image is there afterwards."""
    config = node.paths.configs / "containerd.toml"
    config.write_text(
        _CONFIG.format(
            pause=PAUSE_IMAGE,
            cni_programs=Path(node.program("bridge")).parent,
            cni_config=node.path(cni_config),
            shim=node.program("containerd-shim-runc-v2"),
        )
    )
    component = _start(node, config)
    images = Images(node)
    if images.forget_containers():
        # It has read them already, and would go on showing them to kubelet.
        processes.kill(node.paths.state, command="containerd")
        component = _start(node, config)
    pause = node.programs.built("pause")
    if not images.has(PAUSE_IMAGE, inputs=pause.parent.name):
        with tempfile.TemporaryFile() as archive:
            archive.write(oci.archive(PAUSE_IMAGE, pause.read_bytes()))
            archive.seek(0)
            images.load(archive, PAUSE_IMAGE, inputs=pause.parent.name)
    return component


def _start(node: Namespaces, config: Path) -> Component:
    component = node.start("containerd", [f"--config={node.path(config)}"])
    images = Images(node)
    wait_for("containerd to answer", lambda: component.check() and images.answers(), seconds=60, log=component.log)
    return component


class Images:
    """containerd's store: the images that the node's pods can use, and the containers that keep them in use."""

    def __init__(self, node: Namespaces) -> None:
        """Use the containerd of `node`."""
        self._node = node
        self._ctr = [node.program("ctr"), f"--address={SOCKET}", "--namespace=k8s.io"]
        self._images = [*self._ctr, "images"]

    def answers(self) -> bool:
        """Tell whether containerd serves."""
        argv = [*self._ctr, "version"]
        return subprocess.run(self._node.command(argv), capture_output=True, check=False).returncode == 0

    def has(self, name: str, *, inputs: str) -> bool:
        """Tell whether the image `name` is there and was made of these inputs."""
        listing = self._node.run([*self._images, "list", f'name=={name},labels."{_INPUTS_LABEL}"=={inputs}'])
        return len(listing.splitlines()) > 1

    def load(self, archive: IO[bytes], name: str | None = None, *, inputs: str | None = None) -> None:
        """Import an OCI archive.

        Args:
            archive: the archive, open for reading.
            name: the image in it to which `inputs` applies.
            inputs: what it was made of, to be found by `has`.
        """
        self._node.run([*self._images, "import", "--local", "--snapshotter=overlayfs", "-"], stdin=archive.fileno())
        if name and inputs:
            self._node.run([*self._images, "label", name, f"{_INPUTS_LABEL}={inputs}"])

    def forget_containers(self) -> bool:
        """Remove the containers of the cluster's last life, which run no more, and tell whether there were any."""
        found = False
        # A sandbox is shut down by its container, so it goes first.
        for remove in (["sandboxes", "remove", "--force"], ["containers", "remove"]):
            # The first column below the heading; not every `list` has a --quiet.
            listing = self._node.run([*self._ctr, remove[0], "list"]).splitlines()[1:]
            if ids := [line.split()[0] for line in listing]:
                self._node.run([*self._ctr, *remove, *ids])
                found = True
        return found
