"""From a pipeline's name to a Pipeline that can be used."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sdp_serving.client.errors import NoCanaryError, PipelineNotFoundError, ServerUnreachableError
from sdp_serving.client.grpc_transport import GrpcTransport
from sdp_serving.client.kubectl import Found, Kubectl, Service, find_pipeline
from sdp_serving.client.pipeline import Pipeline
from sdp_serving.client.port_forward import port_forward
from sdp_serving.client.rest_transport import RestTransport
from sdp_serving.client.transport import Address
from sdp_serving.contract.components import DRAWING, GRPC_PORT, REST_PORT, Component
from sdp_serving.contract.routes import Canary, Variant

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
    variant: Variant | None = None,
) -> Iterator[Pipeline]:
    """Connect to a pipeline in a cluster.

    Args:
        name: of the StableDiffusionPipeline; the only one of the namespace when left out.
        namespace: the kubeconfig's, or the pod's, when left out.
        context: of the kubeconfig; the current one when left out.
        protocol: how tensors travel.
        route: how to get to the Services; direct in a pod and by port-forward elsewhere when left out.
        timeout: seconds that one request to one server may take.
        variant: of the diffusion model. Left out, a canary gets its part of the pictures, but for a pipeline that is
            reached directly by its name: nothing then tells of canaries, and all are made by the stable one.

    Raises:
        NoCanaryError: the canary is asked for, and there is none.
        KubectlError: kubectl is missing, or the cluster does not answer.
        PipelineNotFoundError: there is no such pipeline.
        PipelineNotReadyError: it cannot serve yet.
    """
    if route is None:
        route = Route.DIRECT if "KUBERNETES_SERVICE_HOST" in os.environ else Route.PORT_FORWARD
    port = _PORTS[protocol]
    with ExitStack() as stack:
        if route is Route.DIRECT:
            addresses, canary = _direct(name, namespace, context, port, variant)
            beside = None if canary is None or canary.host is None else Address(canary.host, port)
        else:
            found = find_pipeline(Kubectl(context, namespace), name)
            canary = _canary(found, variant)
            addresses = stack.enter_context(_forwarded(found.services, context, port))
            beside = stack.enter_context(_forwarded_canary(canary, context, port))
        make = GrpcTransport if protocol is Protocol.GRPC else RestTransport
        transport = make(addresses, timeout=timeout)
        stack.callback(transport.close)
        own = None if beside is None else make({Component.DIFFUSION_MODEL: beside}, timeout=timeout)
        if own is not None:
            stack.callback(own.close)
        yield Pipeline(transport, canary=canary, canary_transport=own, variant=variant)


def _direct(
    name: str | None, namespace: str | None, context: str | None, port: int, variant: Variant | None
) -> tuple[Mapping[Component, Address], Canary | None]:
    if namespace is None and _POD_NAMESPACE.exists():
        namespace = _POD_NAMESPACE.read_text(encoding="utf-8").strip()
    if name is None and shutil.which("kubectl") is None:
        raise PipelineNotFoundError("nothing here can tell which pipelines there are: choose one with --pipeline")
    if name is None or variant is Variant.CANARY:
        # Only then: a pod has neither kubectl nor the right to read pipelines, unless it was given them.
        found = find_pipeline(Kubectl(context, namespace), name)
        addresses = {component: Address(service.host, port) for component, service in found.services.items()}
        return addresses, _canary(found, variant)
    # By the names that a pipeline's own components have. Without a namespace the resolver looks in the pod's own.
    domain = "" if namespace is None else f".{namespace}.svc"
    return {component: Address(f"{name}-{component}{domain}", port) for component in DRAWING}, None


def _canary(found: Found, variant: Variant | None) -> Canary | None:
    if found.canary is None and variant is Variant.CANARY:
        raise NoCanaryError(
            f"the pipeline {found.name} serves no canary: see its spec.diffusionModel.canary, or do not ask for it"
        )
    return found.canary


@contextmanager
def _forwarded(
    services: Mapping[Component, Service], context: str | None, port: int
) -> Iterator[Mapping[Component, Address]]:
    with ExitStack() as stack:
        # All are started before the first is waited for.
        forwards = {
            component: stack.enter_context(port_forward(Kubectl(context, service.namespace), service.name, port))
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


@contextmanager
def _forwarded_canary(canary: Canary | None, context: str | None, port: int) -> Iterator[Address | None]:
    """Where a canary's own server is reached. That it ends meanwhile is no failure: the other model answers then."""
    if canary is None or canary.host is None:
        yield None
        return
    service = Service.at(canary.host)
    with port_forward(Kubectl(context, service.namespace), service.name, port) as forward:
        yield forward.address()
