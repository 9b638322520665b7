"""A real one-node Kubernetes on this machine, for demos and tests: see devcluster/README.md."""

from devcluster.cluster import Cluster
from devcluster.errors import ClusterError

__all__ = ["Cluster", "ClusterError"]
