"""A client of the Kubernetes API."""

import os
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

Fence = Callable[[], None]
"""Called before each request; does not return where this process may no longer speak for the operator."""


async def connect(fence: Fence | None = None) -> ApiClient:
    """Connect to the cluster that KUBECONFIG names, else the one that this process runs in, else ~/.kube/config's."""
    configuration = Configuration()
    in_cluster = "KUBERNETES_SERVICE_HOST" in os.environ
    if in_cluster and not os.environ.get("KUBECONFIG"):
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # the client lacks types
    else:
        await config.load_kube_config(  # type: ignore[no-untyped-call]  # the client lacks types
            config_file=os.environ.get("KUBECONFIG"), client_configuration=configuration, persist_config=False
        )
    # Without a limit: each watch keeps a connection, and there is one for each kind in each namespace.
    configuration.connection_pool_maxsize = 0
    if fence is not None:
        configuration.trace_configs = [_fenced(fence)]
    return ApiClient(configuration)


def _fenced(fence: Fence) -> aiohttp.TraceConfig:
    """Call the fence when a request has got its connection: the last moment before it is sent."""

    async def check(_session: aiohttp.ClientSession, _context: SimpleNamespace, _about: object) -> None:
        fence()

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(check)
    trace.on_connection_reuseconn.append(check)
    return trace
