"""The kinds of objects that the operator makes or watches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sdp_operator.api.v1alpha1 import API_VERSION, KIND, PLURAL
from sdp_operator.desired.identity import MANAGED_BY, MANAGER

_OURS: Final = {"labelSelector": f"{MANAGED_BY}={MANAGER}"}


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    Attributes:
        api_version: its group and version.
        name: such as Deployment.
        plural: its name in paths.
        selection: which of them are watched, as query parameters.
        is_optional: whether a cluster may not know it.
        is_namespaced: whether its objects lie in namespaces.
        has_bookmarks: whether a watch on it tells how far it is when nothing happens. Without, whoever watches again
            after some minutes comes too late, and must list.
    """

    api_version: str
    name: str
    plural: str
    selection: Mapping[str, str]
    is_optional: bool = False
    is_namespaced: bool = True
    has_bookmarks: bool = True

    @property
    def definition(self) -> str:
        """The name of its CustomResourceDefinition."""
        return f"{self.plural}.{self.api_version.partition('/')[0]}"

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The path of an object, or of all objects of the kind in a namespace or, without one, in the cluster."""
        prefix = "/apis" if "/" in self.api_version else "/api"
        within = f"/namespaces/{namespace}" if namespace is not None and self.is_namespaced else ""
        tail = "" if name is None else f"/{name}"
        return f"{prefix}/{self.api_version}{within}/{self.plural}{tail}"


CHILDREN: Final = (
    Kind("apps/v1", "Deployment", "deployments", _OURS),
    Kind("v1", "Service", "services", _OURS),
    Kind("v1", "ConfigMap", "configmaps", _OURS),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", _OURS),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", _OURS),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", _OURS),
    Kind("networking.k8s.io/v1", "Ingress", "ingresses", _OURS),
    Kind("batch/v1", "Job", "jobs", _OURS),
    Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", _OURS, is_optional=True),
    Kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors", _OURS, is_optional=True),
)
"""What a pipeline owns."""

PODS: Final = Kind("v1", "Pod", "pods", {})
"""All of them, since any may hold a GPU; of those that are not ours, only that is kept."""

NODES: Final = Kind("v1", "Node", "nodes", {}, is_namespaced=False)

EVENTS: Final = Kind("v1", "Event", "events", {"fieldSelector": "involvedObject.kind=Pod"}, has_bookmarks=False)
"""The only kind that the API server reads from etcd for each watch, and so without bookmarks."""

PIPELINES: Final = Kind(API_VERSION, KIND, PLURAL, {})

DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

BY_NAME: Final[Mapping[str, Kind]] = {kind.name: kind for kind in (*CHILDREN, PODS, NODES, EVENTS, PIPELINES)}
