"""stub."""
from collections.abc import Iterator
from devcluster.cluster import Cluster
def load(cluster: Cluster, image: str) -> Iterator[str]:
    yield image
