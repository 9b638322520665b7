"""Where a component of a pipeline answers: its own, or another's that it shares."""

from sdp_operator.api.v1alpha1 import Endpoints, Pipeline
from sdp_operator.desired.service import endpoints
from sdp_operator.sharing import Shared, Unshared
from sdp_serving.contract.components import Component


def server(pipeline: Pipeline, component: Component, shared: Shared | Unshared | None) -> Endpoints | None:
    """Where it answers; None for a component of another pipeline that is not shared with this one."""
    if isinstance(shared, Unshared):
        return None
    return endpoints(pipeline.key if shared is None else shared.owner, component)
