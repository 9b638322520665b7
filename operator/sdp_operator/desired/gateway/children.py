"""All children of the gateway."""

from collections.abc import Mapping

from sdp_operator.api.v1alpha1 import Endpoints, GatewaySpec, Pipeline
from sdp_operator.desired.gateway.deployment import PORT, deployment
from sdp_operator.desired.gateway.disruption_budget import disruption_budget
from sdp_operator.desired.gateway.http_route import http_route
from sdp_operator.desired.gateway.ingress import ingress
from sdp_operator.desired.gateway.routes import routes_config_map
from sdp_operator.desired.gateway.service import service
from sdp_operator.desired.identity import GATEWAY
from sdp_operator.desired.pod_monitor import pod_monitor
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Routes


def gateway_children(
    pipeline: Pipeline,
    spec: GatewaySpec,
    servers: Mapping[Component, Endpoints],
    routes: Routes,
    settings: Settings,
) -> tuple[KubeObject, ...]:
    """What a gateway that is asked for should have; the Deployment comes first.

    Args:
        pipeline: whose gateway.
        spec: the gateway that is asked for.
        servers: where each component answers, be it the pipeline's own or another's that it shares.
        routes: what the gateways are told of the pipeline's models.
        settings: the operator's.
    """
    monitoring = pipeline.spec.monitoring
    monitor = monitoring.pod_monitor if monitoring is not None else None
    children = [
        deployment(pipeline, spec, servers, settings),
        routes_config_map(pipeline, routes),
        service(pipeline, spec),
        disruption_budget(pipeline, spec),
        ingress(pipeline, spec.ingress) if spec.ingress else None,
        http_route(pipeline, spec.route) if spec.route else None,
        pod_monitor(pipeline, GATEWAY, monitor, port=PORT, path="/metrics") if monitor else None,
    ]
    return tuple(child for child in children if child is not None)
