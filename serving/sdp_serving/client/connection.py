"""From a pipeline's name to a Pipeline that can be used."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sdp_serving.client.errors import PipelineNotFoundError, ServerUnreachableError
from sdp_serving.client.grpc_transport import GrpcTransport
from sdp_serving.client.kubectl import Kubectl, find_services
from sdp_serving.client.pipeline import Pipeline
from sdp_serving.client.port_forward import port_forward
from sdp_serving.client.rest_transport import RestTransport
from sdp_serving.client.transport import Address
from sdp_serving.contract.components import DRAWING, GRPC_PORT, REST_PORT, Component

DEFAULT_TIMEOUT: Final = 600.0
_POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Protocol(StrEnum):
    """How tensors travel."""

    GRPC = "grpc"
    REST = "rest"


class Route(StrEnum):
    """How the client gets to the Services."""

    PORT_FORWARD = "port-forward"
    """From anywhere with a kubeconfig."""
    DIRECT = "direct"
    """By their names in the cluster's DNS: from a pod."""


_PORTS: Final = MappingProxyType({Protocol.GRPC: GRPC_PORT, Protocol.REST: REST_PORT})


@contextmanager
def connect(
    name: str | None = None,
    *,
    namespace: str | None = None,
    context: str | None = None,
    protocol: Protocol = Protocol.GRPC,
    route: Route | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> Iterator[Pipeline]:
    """Connect to a pipeline in a cluster.

    Args:
        name: of the StableDiffusionPipeline; the only one of the namespace when left out.
        namespace: the kubeconfig's, or the pod's, when left out.
        context: of the kubeconfig; the current one when left out.
        protocol: how tensors travel.
        route: how to get to the Services; direct in a pod and by port-forward elsewhere when left out.
        timeout: seconds that one request to one server may take.

    Raises:
        KubectlError: kubectl is missing, or the cluster does not answer.
        PipelineNotFoundError: there is no such pipeline.
        PipelineNotReadyError: it cannot serve yet.
    """
    if route is None:
        route = Route.DIRECT if "KUBERNETES_SERVICE_HOST" in os.environ else Route.PORT_FORWARD
    port = _PORTS[protocol]
    with ExitStack() as stack:
        if route is Route.DIRECT:
            addresses = _direct(name, namespace, context, port)
        else:
            addresses = stack.enter_context(_forwarded(name, namespace, context, port))
        make = GrpcTransport if protocol is Protocol.GRPC else RestTransport
        transport = make(addresses, timeout=timeout)
        stack.callback(transport.close)
        yield Pipeline(transport)


def _direct(name: str | None, namespace: str | None, context: str | None, port: int) -> Mapping[Component, Address]:
    if namespace is None and _POD_NAMESPACE.exists():
        namespace = _POD_NAMESPACE.read_text(encoding="utf-8").strip()
    if name is None:
        if shutil.which("kubectl") is None:
            raise PipelineNotFoundError("nothing here can tell which pipelines there are: choose one with --pipeline")
        # Only then: a pod has neither kubectl nor the right to read pipelines, unless it was given them.
        services = find_services(Kubectl(context, namespace), None)
        return {component: Address(service.host, port) for component, service in services.items()}
    # By the names that a pipeline's own components have. Without a namespace the resolver looks in the pod's own.
    domain = "" if namespace is None else f".{namespace}.svc"
    return {component: Address(f"{name}-{component}{domain}", port) for component in DRAWING}


@contextmanager
def _forwarded(
    name: str | None, namespace: str | None, context: str | None, port: int
) -> Iterator[Mapping[Component, Address]]:
    kubectl = Kubectl(context, namespace)
    services = find_services(kubectl, name)
    with ExitStack() as stack:
        # All are started before the first is waited for.
        forwards = {
            component: stack.enter_context(
                port_forward(replace(kubectl, namespace=service.namespace), service.name, port)
            )
            for component, service in services.items()
        }
        addresses = {component: forward.address() for component, forward in forwards.items()}
        try:
            yield addresses
        except ServerUnreachableError:
            # The better explanation, where it is true.
            for forward in forwards.values():
                forward.require_alive()
            raise
