"""containerd in the node, and the images in it."""

import subprocess
import tempfile
from pathlib import Path
from typing import IO

from devcluster import oci
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
    component = node.start("containerd", [f"--config={node.path(config)}"])
    images = Images(node)
    wait_for("containerd to answer", lambda: component.check() and images.answers(), seconds=60, log=component.log)
    pause = node.programs.built("pause")
    if not images.has(PAUSE_IMAGE, inputs=pause.parent.name):
        with tempfile.TemporaryFile() as archive:
            archive.write(oci.archive(PAUSE_IMAGE, pause.read_bytes()))
            archive.seek(0)
            images.load(archive, PAUSE_IMAGE, inputs=pause.parent.name)
    return component


class Images:
    """The images that the node's pods can use."""

    def __init__(self, node: Namespaces) -> None:
        """Use the containerd of `node`."""
        self._node = node
        self._ctr = [node.program("ctr"), f"--address={SOCKET}", "--namespace=k8s.io", "images"]

    def answers(self) -> bool:
        """Tell whether containerd serves."""
        argv = [*self._ctr[:-1], "version"]
        return subprocess.run(self._node.command(argv), capture_output=True, check=False).returncode == 0

    def has(self, name: str, *, inputs: str) -> bool:
        """Tell whether the image `name` is there and was made of these inputs."""
        listing = self._node.run([*self._ctr, "list", f'name=={name},labels."{_INPUTS_LABEL}"=={inputs}'])
        return len(listing.splitlines()) > 1

    def load(self, archive: IO[bytes], name: str | None = None, *, inputs: str | None = None) -> None:
        """Import an OCI archive.

        Args:
            archive: the archive, open for reading.
            name: the image in it to which `inputs` applies.
            inputs: what it was made of, to be found by `has`.
        """
        self._node.run([*self._ctr, "import", "--local", "--snapshotter=overlayfs", "-"], stdin=archive.fileno())
        if name and inputs:
            self._node.run([*self._ctr, "label", name, f"{_INPUTS_LABEL}={inputs}"])

    def names(self) -> list[str]:
        """Give the names of all images."""
        return [
            name for name in self._node.run([*self._ctr, "list", "--quiet"]).split() if not name.startswith("sha256:")
        ]
