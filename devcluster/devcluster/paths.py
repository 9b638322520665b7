"""Where everything lies: what is kept between runs, and what one running cluster owns."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from devcluster.errors import ClusterError


def cache_dir() -> Path:
    """Give the folder for what is worth keeping between runs, outside the checkout so that cleaning loses nothing."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home).resolve() / "sdpipeline"


@dataclass(frozen=True)
class ClusterPaths:
    """The files of one cluster. `state` lives from `up` to `down`; `images` outlives it."""

    name: str
    cache: Path

    @classmethod
    def of(cls, name: str) -> "ClusterPaths":
        """Give the paths of the cluster called `name`.

        Raises:
            ClusterError: the name can't be part of a path and of a Kubernetes context.
        """
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name):
            raise ClusterError(
                f"{name!r} can't name a cluster: use up to 40 lower-case letters, digits and inner dashes."
            )
        return cls(name, cache_dir())

    @property
    def clusters(self) -> Path:
        """The folder that holds the state of every cluster."""
        return self.cache / "cluster"

    @property
    def state(self) -> Path:
        """Everything that `down` removes."""
        return self.clusters / self.name

    @property
    def lock(self) -> Path:
        """Held while someone changes or owns the cluster."""
        return self.clusters / f"{self.name}.lock"

    @property
    def images(self) -> Path:
        """The container images of the node, kept so that the next `up` needs no import."""
        return self.cache / "containerd" / self.name

    @property
    def record(self) -> Path:
        """What `up` has begun, written before anything starts."""
        return self.state / "cluster.json"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.state / "pki"

    @property
    def configs(self) -> Path:
        """The components' configuration files and kubeconfigs."""
        return self.state / "config"

    @property
    def logs(self) -> Path:
        """One log file a component."""
        return self.state / "logs"

    @property
    def audit_log(self) -> Path:
        """One JSON line for each request of the user whose requests are recorded."""
        return self.logs / "audit.log"

    @property
    def etcd(self) -> Path:
        """The cluster's database."""
        return self.state / "etcd"

    @property
    def run(self) -> Path:
        """Sockets and process ids of the node."""
        return self.state / "run"
