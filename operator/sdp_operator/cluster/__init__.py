"""All traffic with the Kubernetes API about pipelines. Nothing above imports the Kubernetes client."""

from sdp_operator.cluster.cluster import Cluster

__all__ = ["Cluster"]
