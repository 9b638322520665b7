"""The gateway as a part of its pipeline."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.gateway.children import gateway_children
from sdp_operator.desired.gateway.routed import routes
from sdp_operator.desired.gateway.routes import gateways_to_tell
from sdp_operator.desired.identity import GATEWAY
from sdp_operator.desired.parts import ComponentPart, Part
from sdp_operator.desired.server import server
from sdp_operator.objects import KubeObject
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.settings import Settings
from sdp_operator.sharing import Unshared
from sdp_operator.swap.look import component_pods
from sdp_operator.world import World
from sdp_serving.contract.components import Component


def gateway_part(
    pipeline: Pipeline, components: Mapping[Component, ComponentPart], world: World, settings: Settings
) -> Part | None:
    """What the gateway should have; None where there is to be none.

    Args:
        pipeline: whose gateway.
        components: what its components should have.
        world: what was seen of the cluster.
        settings: the operator's.
    """
    spec = pipeline.spec.gateway
    if spec is None or not spec.enabled:
        return None
    found = {component: server(pipeline, component, part.shared) for component, part in components.items()}
    servers = {component: answers for component, answers in found.items() if answers is not None}
    told = routes(pipeline, components, world.live)
    children = _without(world.unknown_kinds, gateway_children(pipeline, spec, servers, told, settings))
    if not servers:
        # One that is there goes too: it would still lead to what is no longer shared.
        return Part(_without({"Deployment"}, children), problem=_unshared(components))
    part = Part(children, to_tell=gateways_to_tell(told, component_pods(GATEWAY, world.live)))
    if spec.route is None or "HTTPRoute" not in world.unknown_kinds:
        return part
    message = "gateway.route needs the Gateway API, which the cluster lacks: install it, or use gateway.ingress"
    return replace(part, problem=Problem(Reason.KIND_UNKNOWN, message))


def _without(kinds: Collection[str], children: Iterable[KubeObject]) -> tuple[KubeObject, ...]:
    return tuple(child for child in children if child["kind"] not in kinds)


def _unshared(components: Mapping[Component, ComponentPart]) -> Problem:
    """Why none of the components can be used."""
    return next(part.shared.problem for part in components.values() if isinstance(part.shared, Unshared))
