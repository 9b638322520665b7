"""From live objects to what the status is made of."""

from collections.abc import Mapping

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.children import Children, Forbidden
from sdp_operator.desired.deployment import revision
from sdp_operator.desired.identity import COMPONENT, child_name
from sdp_operator.live import LiveChildren
from sdp_operator.objects import KubeObject
from sdp_operator.pods import Problem, read_replica
from sdp_operator.reasons import Reason
from sdp_operator.status import Observed
from sdp_serving.contract.components import Component


def observe(
    pipeline: Pipeline,
    wanted: Mapping[Component, Children | Forbidden],
    live: LiveChildren,
    refused: Mapping[Component, Problem],
) -> Mapping[Component, Observed]:
    """What was seen of each component that the pipeline asks for."""
    seen: dict[Component, Observed] = {}
    for component, children in wanted.items():
        forbidden = Problem(Reason.FILES_FORBIDDEN, children.message) if isinstance(children, Forbidden) else None
        pods = (read_replica(pod) for pod in live.pods.values() if _belongs(pod, component))
        seen[component] = Observed(
            revision=None if isinstance(children, Forbidden) else revision(children.deployment),
            refused=forbidden or refused.get(component),
            pods_refused=_pods_refused(live.deployments.get(child_name(pipeline, component))),
            replicas=[replica for replica in pods if replica is not None],
        )
    return seen


def _belongs(pod: KubeObject, component: Component) -> bool:
    return bool(pod["metadata"]["labels"].get(COMPONENT) == component)


def _pods_refused(deployment: KubeObject | None) -> str | None:
    """Why the Deployment can't make pods, in Kubernetes' words."""
    conditions = [] if deployment is None else deployment.get("status", {}).get("conditions", [])
    return next(
        (one["message"] for one in conditions if one["type"] == "ReplicaFailure" and one["status"] == "True"), None
    )
