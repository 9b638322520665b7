"""From a pipeline's name to the addresses of its servers."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypedDict

from sdp_serving.client.errors import NoCanaryError, PipelineNotFoundError
from sdp_serving.client.kubectl import Found, Kubectl, Service, find_pipeline
from sdp_serving.client.origins import Origin, Origins, origin_of_folder
from sdp_serving.client.port_forward import port_forward
from sdp_serving.contract.components import DRAWING, GRPC_PORT, REST_PORT, Component
from sdp_serving.contract.routes import Canary, Variant
from sdp_serving.generation.errors import InvalidRequestError, ServerUnreachableError
from sdp_serving.servers.local import model_folder
from sdp_serving.servers.transport import Address

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


class Where(TypedDict, total=False):
    """Where a pipeline is and how to get there; all may be left out.

    Attributes:
        namespace: the kubeconfig's, or the pod's, when left out.
        context: of the kubeconfig; the current one when left out.
        protocol: how tensors travel; gRPC when left out.
        route: how to get to the Services; direct in a pod and by port-forward elsewhere when left out.
        timeout: seconds that one request to one server may take; 600 when left out.
        variant: of the diffusion model. Left out, a canary gets its part of the pictures, but for a pipeline that is
            reached directly by its name: nothing then tells of canaries, and all are made by the stable one.
        at: where some components are instead: the `host:port` of a server, or the folder of a SavedModel that then runs
            in this process. Where all three of `contract.components.DRAWING` are given and no name is, no cluster is
            asked.
    """

    namespace: str | None
    context: str | None
    protocol: Protocol
    route: Route | None
    timeout: float
    variant: Variant | None
    at: Mapping[Component, str | Path]


@dataclass(frozen=True)
class Connection:
    """Where everything is.

    Attributes:
        protocol: how tensors travel.
        timeout: seconds that one request to one server may take.
        addresses: of the servers.
        folders: of the models that run in this process.
        canary: the diffusion model that takes a part of the requests; None when there is none, or nothing tells.
        canary_address: of its own server, where it has one.
        variant: the diffusion model that is asked for.
        origins: where the models came from, as far as anything tells.
    """

    protocol: Protocol
    timeout: float
    addresses: Mapping[Component, Address]
    folders: Mapping[Component, Path]
    canary: Canary | None
    canary_address: Address | None
    variant: Variant | None
    origins: Origins


@contextmanager
def connection(name: str | None, where: Where) -> Iterator[Connection]:
    """Find a pipeline's servers, and keep the way to them open.

    Args:
        name: of the StableDiffusionPipeline; the only one of the namespace when left out.
        where: see there.

    Raises:
        NoCanaryError: the canary is asked for, and there is none.
        KubectlError: kubectl is missing, or the cluster does not answer.
        PipelineNotFoundError: there is no such pipeline.
        PipelineNotReadyError: it cannot serve yet.
        InvalidRequestError: an address is none.
        NoLocalModelError: a folder holds no model.
    """
    at = where.get("at", {})
    protocol = where.get("protocol", Protocol.GRPC)
    port = _PORTS[protocol]
    given = {component: _address(component, one) for component, one in at.items() if isinstance(one, str)}
    folders = {component: model_folder(component, one) for component, one in at.items() if isinstance(one, Path)}
    with ExitStack() as stack:
        cluster = _NOWHERE
        if name is not None or not set(DRAWING) <= at.keys():
            cluster = stack.enter_context(_cluster(name, where, port))
        yield Connection(
            protocol=protocol,
            timeout=where.get("timeout", DEFAULT_TIMEOUT),
            addresses={**cluster.addresses, **given},
            folders=folders,
            canary=None if Component.DIFFUSION_MODEL in at else cluster.canary,
            canary_address=cluster.canary_address,
            variant=where.get("variant"),
            origins=_origins(cluster, at.keys(), folders),
        )


@dataclass(frozen=True)
class _Cluster:
    addresses: Mapping[Component, Address]
    canary: Canary | None
    canary_address: Address | None
    read_origins: Callable[[], Mapping[Component, Origin]]
    origins: Mapping[Component, Origin]


_NOWHERE: Final = _Cluster({}, None, None, dict, {})


@contextmanager
def _cluster(name: str | None, where: Where, port: int) -> Iterator[_Cluster]:
    route = where.get("route")
    if route is None:
        route = Route.DIRECT if "KUBERNETES_SERVICE_HOST" in os.environ else Route.PORT_FORWARD
    if route is Route.DIRECT:
        yield _direct(name, where, port)
        return
    kubectl = Kubectl(where.get("context"), where.get("namespace"))
    elsewhere = where.get("at", {}).keys()
    found = find_pipeline(kubectl, name, elsewhere=elsewhere)
    canary = _canary(found, where.get("variant"))
    services = {component: service for component, service in found.services.items() if component not in elsewhere}
    with (
        _forwarded(services, kubectl.context, port) as addresses,
        _forwarded_canary(canary, kubectl.context, port) as canary_address,
    ):
        yield _Cluster(addresses, canary, canary_address, _reader(kubectl, found, elsewhere), found.origins)


def _direct(name: str | None, where: Where, port: int) -> _Cluster:
    namespace, variant = where.get("namespace"), where.get("variant")
    if namespace is None and _POD_NAMESPACE.exists():
        namespace = _POD_NAMESPACE.read_text(encoding="utf-8").strip()
    if name is None and shutil.which("kubectl") is None:
        raise PipelineNotFoundError("nothing here can tell which pipelines there are: choose one with --pipeline")
    if name is None or variant is Variant.CANARY:
        # Only then: a pod has neither kubectl nor the right to read pipelines, unless it was given them.
        kubectl, elsewhere = Kubectl(where.get("context"), namespace), where.get("at", {}).keys()
        found = find_pipeline(kubectl, name, elsewhere=elsewhere)
        canary = _canary(found, variant)
        return _Cluster(
            {component: Address(service.host, port) for component, service in found.services.items()},
            canary,
            None if canary is None or canary.host is None else Address(canary.host, port),
            _reader(kubectl, found, elsewhere),
            found.origins,
        )
    # By the names that a pipeline's own components have. Without a namespace the resolver looks in the pod's own.
    domain = "" if namespace is None else f".{namespace}.svc"
    return _Cluster({each: Address(f"{name}-{each}{domain}", port) for each in Component}, None, None, dict, {})


def _address(component: Component, text: str) -> Address:
    address = Address.parse(text)
    if address is None:
        raise InvalidRequestError(f"{text!r} is no address for the {component}: give host:port, such as 10.0.0.1:8500")
    return address


def _reader(kubectl: Kubectl, found: Found, elsewhere: Set[Component]) -> Callable[[], Mapping[Component, Origin]]:
    return lambda: find_pipeline(kubectl, found.name, elsewhere=elsewhere).origins


def _origins(cluster: _Cluster, elsewhere: Set[Component], folders: Mapping[Component, Path]) -> Origins:
    local = {component: origin_of_folder(folder) for component, folder in folders.items()}

    def of_all(told: Mapping[Component, Origin]) -> Mapping[Component, Origin]:
        return {**{component: one for component, one in told.items() if component not in elsewhere}, **local}

    return Origins(of_all(cluster.origins), lambda: of_all(cluster.read_origins()))


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
